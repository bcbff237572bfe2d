const express = require("express");

const app = express();
app.use(express.json());
app.get("/roll/:sides", (request, response) => response.json({ rolled: Number(request.params.sides) }));
app.post("/echo", (request, response) => response.json({ got: request.body }));
app.listen(3000);
