mod micro;

use micro::{Fault, Guest, Message};

struct Conformance;

impl Guest for Conformance {
    fn describe() -> String {
        r#"{"name":"conformance","instances":"pooled","endpoints":[
            {"name":"Test.Echo"},{"name":"Test.Relay"},{"name":"Test.Keep"},{"name":"Test.Setting"},
            {"name":"Test.Fail"},{"name":"Test.Count","kind":"stream"}],
            "subscriptions":[{"topic":"test.asked","queue":"conformance"}]}"#
            .into()
    }

    fn call(request: Message) -> Result<Vec<u8>, Fault> {
        match request.header("Micro-Endpoint") {
            "Test.Echo" => {
                micro::log(1, "asked to echo");
                Ok(request.body)
            }
            "Test.Relay" => micro::call("other", "Test.Echo", &request.body),
            "Test.Keep" => {
                micro::write("kept", &request.body, 0)?;
                Ok(micro::read("kept")?.unwrap_or_default())
            }
            "Test.Setting" => micro::config("greeting")?
                .ok_or(Fault { code: 404, detail: "nothing is there".into() }),
            _ => Err(Fault { code: 422, detail: "as was asked".into() }),
        }
    }

    fn serve(_request: Message) -> Result<(), Fault> {
        while let Some(body) = micro::receive(0)? {
            micro::send(0, &body)?;
        }
        Ok(())
    }

    fn event(event: Message) -> Result<(), Fault> {
        micro::publish("test.handled", &event.body).map(|_| ())
    }
}

export!(Conformance);
