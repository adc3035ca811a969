import { createStore } from "./store";

/** Whether the server answered when it was last asked. */
export const reachable = createStore(true);

/** Whether somebody is signed in; null is not known yet. */
export const signedIn = createStore<boolean | null>(null);

/** The revision of the schema that the server serves now; 0 is not known. */
export const served = createStore(0);
