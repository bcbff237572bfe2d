from flask import Flask, jsonify, request

app = Flask(__name__)


@app.route("/")
def index():
    return "<h1>Hello from Flask</h1>"


@app.route("/sum", methods=["POST"])
def total():
    return jsonify(sum=sum(request.get_json()["numbers"]))
