// What the browser phone of the tests is bundled from.
import JsSIP from "jssip";

window.JsSIP = JsSIP;
