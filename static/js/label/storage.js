/* What the server has not acknowledged yet, in the browser's own storage; kept apart by person, for shared computers. */

const PREFIX = "conflictscope-label:";
const KEEP_MS = 14 * 24 * 3600 * 1000;

// Storage may be full or forbidden. Then this tab's memory is all there is, and leaving the page asks first.
const memory = new Map();

export class Storage {
  constructor(person, campaign) {
    this.drafts = `${PREFIX}${person}:draft:`;
    this.queue = `${PREFIX}${person}:outbox:${campaign}`;
  }

  putDraft(token, entries) {
    write(this.drafts + token, { at: Date.now(), entries });
  }

  draft(token) {
    return read(this.drafts + token)?.entries ?? null;
  }

  dropDraft(token) {
    remove(this.drafts + token);
  }

  outbox() {
    return read(this.queue)?.entries ?? [];
  }

  putOutbox(entries) {
    if (entries.length) write(this.queue, { at: Date.now(), entries });
    else remove(this.queue);
  }
}

/** Whether something would be lost with this tab. */
export function onlyInMemory() {
  return memory.size > 0;
}

/** Forget drafts that nobody came back to. Submissions that wait to be sent are never forgotten. */
export function prune() {
  try {
    for (const key of Object.keys(localStorage)) {
      if (!key.startsWith(PREFIX) || !key.includes(":draft:")) continue;
      const kept = read(key);
      if (!kept || Date.now() - kept.at > KEEP_MS) remove(key);
    }
  } catch {
    // No storage, nothing to forget.
  }
}

function write(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
    memory.delete(key);
  } catch {
    memory.set(key, value);
  }
}

function read(key) {
  if (memory.has(key)) return memory.get(key);
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}

function remove(key) {
  memory.delete(key);
  try {
    localStorage.removeItem(key);
  } catch {
    // It was in memory only.
  }
}
