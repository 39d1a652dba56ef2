// The microphone: a recording as the browser encodes it, and its level while it runs.

/** Starts recording. `onLevel` takes 0 to 1. Returns a function that stops and gives the Blob. */
export async function record(onLevel) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const stopMeter = meter(stream, onLevel);
  const recorder = new MediaRecorder(stream);
  const parts = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.start();
  return () =>
    new Promise((resolve) => {
      recorder.onstop = () => resolve(new Blob(parts, { type: recorder.mimeType }));
      recorder.stop();
      stopMeter();
      for (const track of stream.getTracks()) track.stop();
    });
}

function meter(stream, onLevel) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    onLevel(Math.min(1, Math.sqrt(power) * 4));
  }, 60);
  return () => {
    clearInterval(timer);
    onLevel(0);
    context.close();
  };
}
