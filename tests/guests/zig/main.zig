const micro = @import("micro.zig");

comptime {
    micro.exports(@This());
}

pub fn describe() []const u8 {
    return
        \\{"name":"conformance","instances":"pooled","endpoints":[
        \\{"name":"Test.Echo"},{"name":"Test.Relay"},{"name":"Test.Keep"},{"name":"Test.Setting"},
        \\{"name":"Test.Fail"},{"name":"Test.Count","kind":"stream"}],
        \\"subscriptions":[{"topic":"test.asked","queue":"conformance"}]}
    ;
}

fn passOn(outcome: micro.Outcome) void {
    switch (outcome) {
        .found => |body| micro.answer(body),
        .nothing => micro.fail(404, "nothing is there"),
        .fault => |fault| micro.fail(fault.code, fault.json),
    }
}

pub fn call(request: micro.Message) void {
    if (request.is("Test.Echo")) {
        micro.log(1, "asked to echo");
        micro.answer(request.body);
    } else if (request.is("Test.Relay")) {
        passOn(micro.callService("other", "Test.Echo", request.body));
    } else if (request.is("Test.Keep")) {
        const outcome = micro.write("kept", request.body, 0);
        if (outcome < 0) micro.fail(-outcome, "it is not kept") else passOn(micro.read("kept"));
    } else if (request.is("Test.Setting")) {
        passOn(micro.config("greeting"));
    } else {
        micro.fail(422, "as was asked");
    }
}

pub fn serve(_: micro.Message) void {
    while (true) {
        switch (micro.receive(0)) {
            .found => |body| {
                defer micro.allocator.free(body);
                if (micro.send(0, body) < 0) return;
            },
            else => return,
        }
    }
}

pub fn event(given: micro.Message) void {
    _ = micro.publish("test.handled", given.body);
}
