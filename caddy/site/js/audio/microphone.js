// The microphone, opened once and closed when nobody needs it.

import { audioContext } from "./player.js";

const DENIED = "The browser gives no microphone. Allow it for this page in the address bar and try again.";
const MISSING = "There is no microphone on this machine.";
const INSECURE = "A browser gives its microphone only to https addresses and to localhost.";
let workletAdded = null;

/**
 * Opens it. `onPiece({level, rms, pcm})` gets 20 ms at a time: the level for a meter and the root mean square, both from
 * 0 to 1, and an ArrayBuffer of 16-bit PCM.
 */
export async function openMicrophone({ sampleRateHz, onPiece }) {
  const stream = await microphoneStream();
  const context = audioContext();
  await addWorklet(context);
  const source = context.createMediaStreamSource(stream);
  const options = { numberOfOutputs: 0, processorOptions: { sampleRateHz } };
  const capture = new AudioWorkletNode(context, "parley-capture", options);
  capture.port.onmessage = ({ data }) => onPiece({ level: Math.min(1, data.level * 5), rms: data.level, pcm: data.pcm });
  source.connect(capture);
  return {
    close() {
      capture.port.onmessage = null;
      source.disconnect();
      for (const track of stream.getTracks()) track.stop();
    },
  };
}

function addWorklet(context) {
  workletAdded ??= context.audioWorklet.addModule(new URL("./capture_worklet.js", import.meta.url)).catch((error) => {
    workletAdded = null;
    throw error;
  });
  return workletAdded;
}

async function microphoneStream() {
  if (!navigator.mediaDevices) throw new Error(INSECURE);
  const audio = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw new Error(error.name === "NotFoundError" ? MISSING : DENIED, { cause: error });
  }
}
