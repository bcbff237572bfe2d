// Hands on what the microphone hears, as it comes; runs where sound is made, beside the page.
class Samples extends AudioWorkletProcessor {
  process([[channel]]) {
    if (channel) this.port.postMessage(channel.slice());
    return true;
  }
}
registerProcessor("samples", Samples);
