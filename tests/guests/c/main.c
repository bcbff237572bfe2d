#define MICRO_STREAMS
#define MICRO_EVENTS
#include "micro.h"

const char *micro_on_describe(void) {
  return "{\"name\":\"conformance\",\"instances\":\"pooled\",\"endpoints\":["
         "{\"name\":\"Test.Echo\"},{\"name\":\"Test.Relay\"},{\"name\":\"Test.Keep\"},{\"name\":\"Test.Setting\"},"
         "{\"name\":\"Test.Fail\"},{\"name\":\"Test.Count\",\"kind\":\"stream\"}],"
         "\"subscriptions\":[{\"topic\":\"test.asked\",\"queue\":\"conformance\"}]}";
}

static void pass_on(micro_bytes found) {
  if (found.code > 0)
    micro_fail(found.code, found.data);
  else if (found.code < 0)
    micro_fail(404, "nothing is there");
  else
    micro_answer(found.data, found.length);
  free(found.data);
}

void micro_on_call(const micro_message *request) {
  if (micro_is(request, "Test.Echo")) {
    micro_log(1, "asked to echo");
    micro_answer(request->body, request->length);
  } else if (micro_is(request, "Test.Relay")) {
    pass_on(micro_call_service("other", "Test.Echo", request->body, request->length));
  } else if (micro_is(request, "Test.Keep")) {
    int32_t outcome = micro_keep("kept", request->body, request->length, 0);
    if (outcome < 0)
      micro_fail(-outcome, "it is not kept");
    else
      pass_on(micro_read("kept"));
  } else if (micro_is(request, "Test.Setting")) {
    pass_on(micro_setting("greeting"));
  } else {
    micro_fail(422, "as was asked");
  }
}

void micro_on_serve(const micro_message *request) {
  for (;;) {
    micro_bytes message = micro_receive(0);
    if (message.code) return;
    if (micro_send(0, message.data, message.length) < 0) return;
    free(message.data);
  }
}

void micro_on_event(const micro_message *event) {
  free(micro_publish_event("test.handled", event->body, event->length).data);
}
