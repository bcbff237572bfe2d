import * as micro from "./micro";

export function micro_describe(): void {
  micro.answer(
    String.UTF8.encode(
      '{"name":"conformance","instances":"pooled","endpoints":[' +
        '{"name":"Test.Echo"},{"name":"Test.Relay"},{"name":"Test.Keep"},{"name":"Test.Setting"},' +
        '{"name":"Test.Fail"},{"name":"Test.Count","kind":"stream"}],' +
        '"subscriptions":[{"topic":"test.asked","queue":"conformance"}]}',
    ),
  );
}

function passOn(outcome: micro.Outcome): void {
  if (outcome.code > 0) micro.fail(outcome.code, String.UTF8.decode(outcome.body));
  else if (outcome.code < 0) micro.fail(404, "nothing is there");
  else micro.answer(outcome.body);
}

export function micro_call(length: i32): void {
  const request = micro.message(length);
  if (request.is("Test.Echo")) {
    micro.log(1, "asked to echo");
    micro.answer(request.body);
  } else if (request.is("Test.Relay")) {
    passOn(micro.call("other", "Test.Echo", request.body));
  } else if (request.is("Test.Keep")) {
    const outcome = micro.write("kept", request.body, 0);
    passOn(outcome.code ? outcome : micro.read("kept"));
  } else if (request.is("Test.Setting")) {
    passOn(micro.config("greeting"));
  } else {
    micro.fail(422, "as was asked");
  }
}

export function micro_serve(length: i32): void {
  micro.message(length);
  for (;;) {
    const found = micro.receive(0);
    if (found.code) return;
    if (!micro.send(0, found.body)) return;
  }
}

export function micro_event(length: i32): void {
  micro.publish("test.handled", micro.message(length).body);
}
