// The conformance guest in C++.
#define MICRO_STREAMS
#define MICRO_EVENTS
#include "micro.h"

#include <memory>
#include <string>

namespace {

struct Freed {
  void operator()(unsigned char *data) const { free(data); }
};

// What the host gave, freed when it is no longer needed.
class Found {
 public:
  explicit Found(micro_bytes given) : given_(given), data_(reinterpret_cast<unsigned char *>(given.data)) {}

  int code() const { return given_.code; }
  std::string text() const { return std::string(reinterpret_cast<const char *>(data_.get()), given_.length); }

 private:
  micro_bytes given_;
  std::unique_ptr<unsigned char, Freed> data_;
};

void pass_on(const Found &found) {
  if (found.code() > 0) {
    micro_fail(found.code(), found.text().c_str());
  } else if (found.code() < 0) {
    micro_fail(404, "nothing is there");
  } else {
    const std::string text = found.text();
    micro_answer(text.data(), text.size());
  }
}

std::string described() {
  std::string endpoints;
  for (const char *name : {"Test.Echo", "Test.Relay", "Test.Keep", "Test.Setting", "Test.Fail"})
    endpoints += std::string("{\"name\":\"") + name + "\"},";
  return "{\"name\":\"conformance\",\"instances\":\"pooled\",\"endpoints\":[" + endpoints +
         "{\"name\":\"Test.Count\",\"kind\":\"stream\"}],"
         "\"subscriptions\":[{\"topic\":\"test.asked\",\"queue\":\"conformance\"}]}";
}

}  // namespace

const char *micro_on_describe(void) {
  static const std::string text = described();
  return text.c_str();
}

void micro_on_call(const micro_message *request) {
  if (micro_is(request, "Test.Echo")) {
    micro_log(1, "asked to echo");
    micro_answer(request->body, request->length);
  } else if (micro_is(request, "Test.Relay")) {
    pass_on(Found(micro_call_service("other", "Test.Echo", request->body, request->length)));
  } else if (micro_is(request, "Test.Keep")) {
    const int32_t outcome = micro_keep("kept", request->body, request->length, 0);
    if (outcome < 0)
      micro_fail(-outcome, "it is not kept");
    else
      pass_on(Found(micro_read("kept")));
  } else if (micro_is(request, "Test.Setting")) {
    pass_on(Found(micro_setting("greeting")));
  } else {
    micro_fail(422, "as was asked");
  }
}

void micro_on_serve(const micro_message *) {
  for (;;) {
    const Found message(micro_receive(0));
    if (message.code() != 0) return;
    const std::string text = message.text();
    if (micro_send(0, text.data(), text.size()) < 0) return;
  }
}

void micro_on_event(const micro_message *event) {
  const Found published(micro_publish_event("test.handled", event->body, event->length));
}
