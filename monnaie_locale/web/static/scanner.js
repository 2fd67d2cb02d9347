/* The camera as a reader of our own codes.
 *
 * Markup: the macro of kit/scanner.html. Each `.scanner` element gets a Scanner (`element.scanner`) with start() and
 * stop(), and emits `scan` with `event.detail.text` when it has read one of our codes, `scan-refused` for another code.
 * Nothing here ever opens an address that was read: the page decides what a code of ours means.
 */

const DECODE_INTERVAL_MS = 100;
const REFUSAL_INTERVAL_MS = 2000;
const CROP = 0.6;
// Several, because a poster of the shop may hang beside the card: the first one that is ours counts.
const SYMBOLS_MAX = 3;
const SIZE = { width: { ideal: 1280 }, height: { ideal: 720 } };
// Which camera this device reads with, once somebody has chosen one of several.
const CHOSEN_CAMERA = "scanner-camera";

const SENTENCES = {
  idle: "",
  opening: "Ouverture de la caméra…",
  reading: "Placez le code dans le cadre.",
  read: "Code lu.",
  foreign: "Ce code n’est pas un code de la monnaie locale.",
  refused: "La caméra est refusée. Autorisez-la dans le navigateur, ou saisissez le numéro à la main.",
  missing: "Aucune caméra disponible. Saisissez le numéro à la main.",
  undecodable: "La lecture par caméra n’est pas possible ici. Saisissez le numéro à la main.",
};

/* Load the WebAssembly decoder from our own server; its default would be a public host. */
function loadWasmDecoder(folder) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${folder}zxing-reader.js`;
    script.onerror = () => reject(new Error("decoder not found"));
    script.onload = () => {
      const library = window.ZXingWASM;
      const overrides = { locateFile: (name) => folder + name };
      library.prepareZXingModule({ overrides, fireImmediately: true }).then(() => resolve(library), reject);
    };
    document.head.append(script);
  });
}

async function wasmReader(folder) {
  const library = await loadWasmDecoder(folder);
  const options = { formats: ["QRCode"], tryInvert: false, maxNumberOfSymbols: SYMBOLS_MAX };
  return async (picture) => {
    const found = await library.readBarcodes(picture, options);
    return found.filter((code) => code.isValid).map((code) => code.text);
  };
}

async function scriptReader(folder) {
  const library = await import(`${folder}decode.js`);
  return async (picture) => {
    try {
      return [library.decodeQR(picture)];
    } catch (error) {
      return []; // this decoder throws when a picture holds no code
    }
  };
}

/* Return a function from a picture to the texts in it: WebAssembly, else plain script, else null. */
async function openReader(folders) {
  for (const [open, folder] of [[wasmReader, folders.wasm], [scriptReader, folders.script]]) {
    if (!folder) continue;
    try {
      return await open(folder);
    } catch (error) {
      console.warn("decoder unavailable", folder, error);
    }
  }
  return null;
}

function chosenCamera() {
  try {
    return window.localStorage.getItem(CHOSEN_CAMERA);
  } catch (error) {
    return null; // a browser that keeps nothing
  }
}

function chooseCamera(id) {
  try {
    window.localStorage.setItem(CHOSEN_CAMERA, id);
  } catch (error) {
    console.warn(error);
  }
}

/* Open the camera that was chosen; when it is gone or none was, the one that looks away from the person. */
async function openCamera() {
  const id = chosenCamera();
  const open = (which) => navigator.mediaDevices.getUserMedia({ video: { ...SIZE, ...which }, audio: false });
  try {
    if (id) return await open({ deviceId: { exact: id } });
  } catch (error) {
    if (error.name !== "OverconstrainedError" && error.name !== "NotFoundError") throw error;
  }
  return open({ facingMode: { ideal: "environment" } });
}

export class Scanner {
  constructor(element) {
    this.element = element;
    this.prefixes = element.dataset.prefixes.split(" ").filter(Boolean).map((prefix) => prefix.toUpperCase());
    this.sentences = { ...SENTENCES, ...JSON.parse(element.dataset.words ?? "{}") };
    this.folders = { wasm: element.dataset.decoder, script: element.dataset.fallback };
    this.view = element.querySelector(".scanner-view");
    this.video = element.querySelector("video");
    this.state = element.querySelector(".scanner-state");
    this.startButton = element.querySelector(".scanner-start");
    this.stopButton = element.querySelector(".scanner-stop");
    this.torchButton = element.querySelector(".scanner-torch");
    this.cameras = element.querySelector(".scanner-cameras");
    this.canvas = document.createElement("canvas");
    this.pen = this.canvas.getContext("2d", { willReadFrequently: true });
    this.reader = null;
    this.stream = null;
    this.run = 0;
    this.cropped = false;
    this.decodedAt = 0;
    this.refusedAt = 0;
    this.startButton.addEventListener("click", () => this.start());
    this.stopButton.addEventListener("click", () => this.stop());
    this.torchButton.addEventListener("click", () => this.toggleTorch());
    this.cameras.querySelector("select").addEventListener("change", (event) => this.change(event.target.value));
    document.addEventListener("visibilitychange", () => document.hidden && this.stop());
    this.startButton.hidden = !this.canOpenCamera();
    this.say(this.canOpenCamera() ? "idle" : "missing");
  }

  canOpenCamera() {
    return Boolean(navigator.mediaDevices && navigator.mediaDevices.getUserMedia);
  }

  /* Open the camera and read until one of our codes is found or stop() is called. */
  async start() {
    this.stop();
    const run = (this.run += 1);
    this.say("opening");
    try {
      const [stream, reader] = await Promise.all([
        openCamera(),
        this.reader || openReader(this.folders),
      ]);
      if (run !== this.run) {
        stream.getTracks().forEach((track) => track.stop());
        return;
      }
      this.stream = stream;
      this.reader = reader;
    } catch (error) {
      this.stop();
      this.say(error.name === "NotAllowedError" ? "refused" : "missing");
      return;
    }
    if (!this.reader) {
      this.stop();
      this.say("undecodable");
      return;
    }
    await this.show(run);
  }

  async show(run) {
    this.video.srcObject = this.stream;
    this.view.hidden = false;
    this.startButton.hidden = true;
    this.stopButton.hidden = false;
    const track = this.stream.getVideoTracks()[0];
    const abilities = track.getCapabilities ? track.getCapabilities() : {};
    this.torchButton.hidden = !abilities.torch;
    this.offerCameras(track, run).catch((error) => console.warn(error));
    try {
      await this.video.play();
    } catch (error) {
      return; // stopped before the first picture arrived
    }
    this.say("reading");
    this.next(run);
  }

  /* Offer the cameras where there are several; their names are known only once one of them is open. */
  async offerCameras(track, run) {
    const found = (await navigator.mediaDevices.enumerateDevices()).filter((device) => device.kind === "videoinput");
    if (run !== this.run) return;
    const open = track.getSettings().deviceId;
    const options = found.map((device, index) => {
      return new Option(device.label || String(index + 1), device.deviceId, false, device.deviceId === open);
    });
    this.cameras.querySelector("select").replaceChildren(...options);
    this.cameras.hidden = found.length < 2;
  }

  async change(id) {
    chooseCamera(id);
    await this.start();
  }

  stop() {
    this.run += 1;
    if (this.stream) this.stream.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.video.srcObject = null;
    this.view.hidden = true;
    this.stopButton.hidden = true;
    this.cameras.hidden = true;
    this.torchButton.hidden = true;
    this.torchButton.setAttribute("aria-pressed", "false");
    this.startButton.hidden = !this.canOpenCamera();
    this.say("idle");
  }

  async toggleTorch() {
    const on = this.torchButton.getAttribute("aria-pressed") !== "true";
    await this.stream.getVideoTracks()[0].applyConstraints({ advanced: [{ torch: on }] });
    this.torchButton.setAttribute("aria-pressed", String(on));
  }

  next(run) {
    if (run !== this.run) return;
    const look = () => this.look(run);
    if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(look);
    else window.setTimeout(look, DECODE_INTERVAL_MS);
  }

  async look(run) {
    const now = performance.now();
    if (run === this.run && now - this.decodedAt >= DECODE_INTERVAL_MS && this.video.videoWidth > 0) {
      this.decodedAt = now;
      const texts = await this.reader(this.picture());
      if (run !== this.run) return;
      if (this.judge(texts)) return;
    }
    this.next(run);
  }

  /* One look at everything, one at the middle: far codes and near codes are both found soon. */
  picture() {
    this.cropped = !this.cropped;
    const share = this.cropped ? CROP : 1;
    const width = Math.round(this.video.videoWidth * share);
    const height = Math.round(this.video.videoHeight * share);
    const left = (this.video.videoWidth - width) / 2;
    const top = (this.video.videoHeight - height) / 2;
    this.canvas.width = width;
    this.canvas.height = height;
    this.pen.drawImage(this.video, left, top, width, height, 0, 0, width, height);
    return this.pen.getImageData(0, 0, width, height);
  }

  /* Tell the page what was read; true when it was ours. */
  judge(texts) {
    const ours = texts.find((text) => this.isOurs(text));
    if (ours !== undefined) {
      this.stop();
      this.say("read");
      if (navigator.vibrate) navigator.vibrate(60);
      this.element.dispatchEvent(new CustomEvent("scan", { detail: { text: ours }, bubbles: true }));
      return true;
    }
    const now = performance.now();
    if (texts.length > 0 && now - this.refusedAt > REFUSAL_INTERVAL_MS) {
      this.refusedAt = now;
      this.say("foreign");
      this.element.dispatchEvent(new CustomEvent("scan-refused", { bubbles: true }));
    }
    return false;
  }

  isOurs(text) {
    const upper = text.toUpperCase();
    return this.prefixes.some((prefix) => upper.startsWith(prefix));
  }

  say(name) {
    this.state.textContent = this.sentences[name];
    this.element.dataset.state = name;
  }
}

document.querySelectorAll(".scanner[data-prefixes]").forEach((element) => {
  element.scanner = new Scanner(element);
});
