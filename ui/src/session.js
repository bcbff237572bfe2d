// Who uses this page: the owner, once a one-time link from `micro web` was opened here, else anybody on this machine.
import { online, pageKey, post, read } from "./node.js";
import { store } from "./store.js";

/** `null` while nobody knows yet, then whether the owner uses this page. */
export const owner = store(null);
/** Why a sign-in failed, "" where none did. */
export const signInTrouble = store("");

pageKey.listen(() => {
  if (!pageKey.get()) owner.set(false);
});

const LOGIN = /#login=([\w-]{1,128})/;

// Asks the event: by the time it is heard somebody may have gone on already.
addEventListener("hashchange", ({ newURL }) => LOGIN.test(newURL) && enter(newURL));

export async function enter(address = location.href) {
  const code = LOGIN.exec(address)?.[1];
  if (code) {
    if (LOGIN.test(location.hash)) {
      history.replaceState(null, "", "#/"); // a code in the address would be read by whoever looks at the screen
      dispatchEvent(new HashChangeEvent("hashchange"));
    }
    await signIn(code);
    if (!signInTrouble.get()) return;
  }
  try {
    owner.set(pageKey.get() ? (await read("/-/session")).owner : false);
  } catch {
    owner.set(!online.get() && pageKey.get() !== null);
  }
  if (code && !owner.get()) location.hash = "#/settings"; // where it is said why, and how to sign in
}

export async function signIn(code) {
  signInTrouble.set("");
  try {
    const found = await post("/-/session", { code: code.trim().replace(/^.*#login=/, "") });
    pageKey.set(found.key);
    owner.set(true);
  } catch (fault) {
    signInTrouble.set(fault.detail ?? String(fault));
    owner.set(owner.get() ?? false);
  }
}

export async function signOut() {
  await post("/-/session/end", {}).catch(() => {}); // the key is forgotten here in any case
  pageKey.set(null);
}
