// A browser's softphone for tests: JsSIP, one call at a time, and an ear that names the tone it hears.
window.log = [];

const MEDIA = {
  audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  video: false,
};
const PC = { iceServers: [] };

function listen(stream) {
  // A remote stream flows into Web Audio only while an element plays it.
  const element = new Audio();
  element.srcObject = stream;
  element.play();
  const context = new AudioContext();
  window.analyser = context.createAnalyser();
  window.analyser.fftSize = 8192;
  window.analyser.smoothingTimeConstant = 0;
  context.createMediaStreamSource(stream).connect(window.analyser);
  window.element = element;
}

function hook(connection) {
  window.connection = connection;
  connection.addEventListener("track", (event) => listen(event.streams[0] || new MediaStream([event.track])));
  connection.addEventListener("iceconnectionstatechange", () =>
    window.log.push("ice " + connection.iceConnectionState),
  );
}

// The description with this codec alone, and digits.
function inCodec(sdp, name) {
  const named = [...sdp.matchAll(/^a=rtpmap:(\d+) ([^/]+)\//gm)];
  const kept = named.filter(([, , codec]) => [name, "telephone-event"].includes(codec)).map(([, type]) => type);
  const of = /^a=(?:rtpmap|fmtp|rtcp-fb):(\d+) /;
  return sdp
    .split("\r\n")
    .filter((line) => !of.test(line) || kept.includes(of.exec(line)[1]))
    .map((line) => (line.startsWith("m=") ? [...line.split(" ", 3), ...kept].join(" ") : line))
    .join("\r\n");
}

// [Hz, dB] of the loudest tone heard now.
window.heard = () => {
  if (!window.analyser) return [0, -200];
  const bins = new Float32Array(window.analyser.frequencyBinCount);
  window.analyser.getFloatFrequencyData(bins);
  let best = 1;
  for (let at = 2; at < bins.length; at += 1) if (bins[at] > bins[best]) best = at;
  return [(best * window.analyser.context.sampleRate) / window.analyser.fftSize, Math.max(-200, bins[best])];
};

window.startPhone = (url, user, password, answers) => {
  const socket = new JsSIP.WebSocketInterface(url);
  window.ua = new JsSIP.UA({ sockets: [socket], uri: `sip:${user}@seatbus`, password, register: true });
  for (const name of ["registered", "registrationFailed", "disconnected"])
    window.ua.on(name, () => window.log.push(name));
  window.ua.on("newRTCSession", ({ originator, session }) => {
    window.session = session;
    window.log.push("call " + originator);
    if (session.connection) hook(session.connection);
    session.on("peerconnection", ({ peerconnection }) => hook(peerconnection));
    session.on("icecandidate", ({ ready }) => ready());
    session.on("sdp", (event) => {
      if (event.originator === "local" && window.codec) event.sdp = inCodec(event.sdp, window.codec);
      window.sdp = { ...window.sdp, [event.originator + event.type]: event.sdp };
    });
    for (const name of ["accepted", "confirmed", "ended", "failed", "hold", "unhold"])
      session.on(name, (event) => window.log.push(name + (event && event.cause ? " " + event.cause : "")));
    if (originator === "remote" && answers)
      session.answer({ mediaConstraints: MEDIA, pcConfig: PC });
  });
  window.ua.start();
};

window.callOut = (number) => {
  window.ua.call(`sip:${number}@seatbus`, { mediaConstraints: MEDIA, pcConfig: PC });
};
