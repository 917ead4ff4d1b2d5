// Drives a page: what happens is put into `said`, which stands in the page as JSON when all is done.

const said = { failed: [] };
const failed = (error) => said.failed.push(String(error?.stack ?? error));
onerror = (_, __, ___, ____, error) => failed(error);
onunhandledrejection = (event) => failed(event.reason);
let now = 0;
performance.now = () => (now += 31); // longer than the page works without letting others do
const wait = (ms) => new Promise((go) => setTimeout(go, ms));
const type = (text) => { $("text").value = text; $("text").dispatchEvent(new Event("input")); };
const shown = () => document.querySelector("#answer .text").textContent;
/** Waits until nothing changes any more. */
async function settled() {
  for (let last = null; last !== $("answer").innerHTML; await wait(100)) last = $("answer").innerHTML;
}
const tell = () => document.body.append(element("pre", "", JSON.stringify(said), { id: "said" }));
