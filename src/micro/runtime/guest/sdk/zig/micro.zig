//! micro-core-1 for Zig: docs/reference/guest-abi.md explains every word. The build puts this file beside `main.zig`, which
//! imports it, and says `comptime { micro.exports(@This()); }` where it has `describe`, `call` and perhaps `serve`, `event`.
const std = @import("std");

pub const allocator = std.heap.wasm_allocator;

const raw = struct {
    extern "micro" fn take(place: [*]u8) void;
    extern "micro" fn waiting() i32;
    extern "micro" fn answer(body: [*]const u8, length: usize) void;
    extern "micro" fn fail(code: i32, detail: [*]const u8, length: usize) void;
    extern "micro" fn log(level: i32, line: [*]const u8, length: usize) void;
    extern "micro" fn call(message: [*]const u8, length: usize) i32;
    extern "micro" fn publish(message: [*]const u8, length: usize) i32;
    extern "micro" fn config(path: [*]const u8, length: usize) i32;
    extern "micro" fn store_read(key: [*]const u8, length: usize) i32;
    extern "micro" fn store_write(key: [*]const u8, key_length: usize, value: [*]const u8, length: usize, expiry: i32) i32;
    extern "micro" fn store_delete(key: [*]const u8, length: usize) i32;
    extern "micro" fn stream_open(message: [*]const u8, length: usize) i32;
    extern "micro" fn stream_send(number: i32, body: [*]const u8, length: usize) i32;
    extern "micro" fn stream_receive(number: i32) i32;
    extern "micro" fn stream_end(number: i32) i32;
    extern "micro" fn stream_close(number: i32) i32;
};

/// What a host's function came to.
pub const Outcome = union(enum) {
    /// Bytes; whoever has them frees them with `allocator`.
    found: []u8,
    /// There is nothing.
    nothing,
    /// A fault: its code, and its JSON.
    fault: struct { code: i32, json: []u8 },
};

/// A request or an event.
pub const Message = struct {
    blob: []u8,
    body: []const u8,

    /// The value of a header, null where it is not there.
    pub fn header(self: Message, name: []const u8) ?[]const u8 {
        var at: usize = 0;
        while (nextField(self.blob, &at)) |entry| {
            if (entry.tag != 0x0a) continue;
            var inner: usize = 0;
            const key = nextField(entry.content, &inner) orelse continue;
            const value = nextField(entry.content, &inner) orelse continue;
            if (std.mem.eql(u8, key.content, name)) return value.content;
        }
        return null;
    }

    pub fn is(self: Message, endpoint: []const u8) bool {
        return std.mem.eql(u8, self.header("Micro-Endpoint") orelse "", endpoint);
    }
};

const Field = struct { tag: u8, content: []const u8 };

fn nextField(blob: []const u8, at: *usize) ?Field {
    if (at.* >= blob.len) return null;
    const tag = blob[at.*];
    at.* += 1;
    var size: usize = 0;
    var shift: u5 = 0;
    while (at.* < blob.len) {
        const byte = blob[at.*];
        at.* += 1;
        size |= @as(usize, byte & 127) << shift;
        if (byte < 128 or shift > 21) break;
        shift += 7;
    }
    if (size > blob.len - at.*) return null;
    const content = blob[at.* .. at.* + size];
    at.* += size;
    return .{ .tag = tag, .content = content };
}

fn taken(outcome: i32) Outcome {
    if (outcome == -1) return .nothing;
    const length = raw.waiting();
    const data = allocator.alloc(u8, @intCast(@max(length, 0))) catch @panic("out of memory");
    if (length >= 0) raw.take(data.ptr);
    if (outcome < 0) return .{ .fault = .{ .code = -outcome, .json = data } };
    return .{ .found = data };
}

fn put(to: []u8, at: *usize, tag: u8, content: []const u8) void {
    to[at.*] = tag;
    at.* += 1;
    var size = content.len;
    while (size > 127) : (size >>= 7) {
        to[at.*] = @truncate(size | 128);
        at.* += 1;
    }
    to[at.*] = @truncate(size);
    at.* += 1;
    @memcpy(to[at.* .. at.* + content.len], content);
    at.* += content.len;
}

fn encode(headers: []const [2][]const u8, body: []const u8) []u8 {
    var room: usize = body.len + 16;
    for (headers) |each| room += each[0].len + each[1].len + 32;
    const to = allocator.alloc(u8, room) catch @panic("out of memory");
    var at: usize = 0;
    for (headers) |each| {
        const entry = allocator.alloc(u8, each[0].len + each[1].len + 16) catch @panic("out of memory");
        defer allocator.free(entry);
        var end: usize = 0;
        put(entry, &end, 0x0a, each[0]);
        put(entry, &end, 0x12, each[1]);
        put(to, &at, 0x0a, entry[0..end]);
    }
    put(to, &at, 0x12, body);
    return to[0..at];
}

/// Calls an endpoint of a service.
pub fn callService(service: []const u8, endpoint: []const u8, body: []const u8) Outcome {
    const message = encode(&.{ .{ "Micro-Service", service }, .{ "Micro-Endpoint", endpoint } }, body);
    return taken(raw.call(message.ptr, message.len));
}

/// Publishes on a topic.
pub fn publish(topic: []const u8, body: []const u8) Outcome {
    const message = encode(&.{.{ "Micro-Topic", topic }}, body);
    return taken(raw.publish(message.ptr, message.len));
}

/// Writes a line to the service's log: 0 debug, 1 information, 2 warning, 3 error.
pub fn log(level: i32, line: []const u8) void {
    raw.log(level, line.ptr, line.len);
}

/// A setting of the service as JSON.
pub fn config(path: []const u8) Outcome {
    return taken(raw.config(path.ptr, path.len));
}

/// What is kept under a key.
pub fn read(key: []const u8) Outcome {
    return taken(raw.store_read(key.ptr, key.len));
}

/// Keeps a value, for ever where `expiry_seconds` is 0; 0, or a fault's code with its sign turned.
pub fn write(key: []const u8, value: []const u8, expiry_seconds: i32) i32 {
    return raw.store_write(key.ptr, key.len, value.ptr, value.len, expiry_seconds);
}

/// Sends a message on a stream; 0 is the one that is served.
pub fn send(number: i32, body: []const u8) i32 {
    return raw.stream_send(number, body.ptr, body.len);
}

/// The next message of a stream.
pub fn receive(number: i32) Outcome {
    return taken(raw.stream_receive(number));
}

pub fn answer(body: []const u8) void {
    raw.answer(body.ptr, body.len);
}

pub fn fail(code: i32, detail: []const u8) void {
    raw.fail(code, detail.ptr, detail.len);
}

fn received(length: i32) Message {
    const blob = switch (taken(length)) {
        .found => |data| data,
        else => @constCast(""),
    };
    var at: usize = 0;
    var body: []const u8 = "";
    while (nextField(blob, &at)) |entry| {
        if (entry.tag == 0x12) body = entry.content;
    }
    return .{ .blob = blob, .body = body };
}

/// Exports a guest's functions under their names.
pub fn exports(comptime Guest: type) void {
    const given = struct {
        fn describe() callconv(.c) void {
            answer(Guest.describe());
        }
        fn call(length: i32) callconv(.c) void {
            Guest.call(received(length));
        }
        fn serve(length: i32) callconv(.c) void {
            Guest.serve(received(length));
        }
        fn event(length: i32) callconv(.c) void {
            Guest.event(received(length));
        }
    };
    @export(&given.describe, .{ .name = "micro_describe" });
    @export(&given.call, .{ .name = "micro_call" });
    if (@hasDecl(Guest, "serve")) @export(&given.serve, .{ .name = "micro_serve" });
    if (@hasDecl(Guest, "event")) @export(&given.event, .{ .name = "micro_event" });
}
