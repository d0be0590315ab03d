"use strict";
// The page of one recording (docs/trace.md has its format). State is built from steps forwards; every so many steps it
// is kept, so that any step is reached from one before it within a moment. Memory is kept in pages that are shared
// until one of them is written to.

const lines = JSON.parse(document.getElementById("recording").textContent);
const catalog = JSON.parse(document.getElementById("catalog").textContent);
const byId = id => document.getElementById(id);
const made = (name, text, type) => {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (type) element.className = type;
  return element;
};
const hex = (value, width) => "0x" + value.toString(16).padStart(width || 0, "0");

const PAGE = 4096;
const KEYFRAME = 250;
const AVAIL = 0x80, USED = 0x8000, NEXT = 1, WRITE = 2, INDIRECT = 4;
const SYNCS = [[2, "POSTREAD"], [8, "POSTWRITE"], [1, "PREREAD"], [4, "PREWRITE"]];

class Memory {
  constructor() { this.pages = new Map(); this.epoch = {}; }
  fork() {
    const other = new Memory();
    other.pages = new Map(this.pages);
    this.epoch = {};
    return other;
  }
  byte(address) {
    const page = this.pages.get(Math.floor(address / PAGE));
    return page ? page.bytes[address % PAGE] : 0;
  }
  knows(address) { return this.pages.has(Math.floor(address / PAGE)); }
  number(address, size) {
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + this.byte(address + i);
    return value;
  }
  write(address, bytes) {
    for (let i = 0; i < bytes.length; i++) {
      const at = Math.floor((address + i) / PAGE);
      let page = this.pages.get(at);
      if (!page || page.epoch !== this.epoch) {
        page = { bytes: page ? page.bytes.slice() : new Uint8Array(PAGE), epoch: this.epoch };
        this.pages.set(at, page);
      }
      page.bytes[(address + i) % PAGE] = bytes[i];
    }
  }
}

// What there is, in the order of the recording.
const header = lines[0];
const actors = header.actors;
const isDevice = actor => /^device/.test(actors[actor]);
const places = [null];
const steps = [];
const queueLines = [];
let dropped = 0;
for (const line of lines.slice(1)) {
  if (Array.isArray(line)) steps.push(line);
  else if ("queue" in line) queueLines.push({ at: steps.length, queue: line });
  else if ("place" in line) places.push(line);
  else if ("end" in line) dropped = line.dropped;
}
const bytesOf = step => {
  const text = step[4];
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(text.substr(2 * i, 2), 16);
  return bytes;
};
const lengthOf = step => "wrv".includes(step[0]) ? step[4].length / 2 : step[4] || 0;
const numberOf = bytes => { let value = 0; for (let i = bytes.length - 1; i >= 0; i--) value = value * 256 + bytes[i];
  return value; };

// A change of what somebody sees belongs to the step before it where that brought it about; elsewhere it is a step.
const stops = [];
for (let i = 0; i < steps.length; i++) {
  const step = steps[i];
  const before = stops.length ? steps[stops[stops.length - 1]] : null;
  if (step[0] === "v" && before) {
    const isOwn = before[0] === "s" || (before[1] === step[1] && "rbni".includes(before[0]));
    const isSame = before[0] === "w" && before[3] < step[3] + lengthOf(step) && step[3] < before[3] + lengthOf(before);
    const isMore = before[0] === "v" && before[1] === step[1];
    if (isOwn || isSame || isMore) continue;
  }
  stops.push(i);
}
if (!stops.length) stops.push(0);
const failures = stops.map((step, stop) => steps[step] && steps[step][0] === "f" ? stop : -1).filter(x => x >= 0);

// A queue, with what can be told of both sides' progress from their accesses.
function newQueue(line) {
  const features = line.features;
  return { line, index: line.queue, packed: line.format === "packed", size: line.size,
    inOrder: Math.floor(features / 2 ** 35) % 2 === 1, events: Math.floor(features / 2 ** 29) % 2 === 1,
    available: line.start, taken: line.start, used: line.start, looked: line.start, flight: [] };
}
const wrapOf = (queue, position) => Math.floor(position / queue.size) % 2 === 0 ? 1 : 0;
const areasOf = queue => queue.packed
  ? [["descriptor", queue.line.descriptor, queue.size * 16], ["driver", queue.line.driver, 4],
    ["device", queue.line.device, 4]]
  : [["descriptor", queue.line.descriptor, queue.size * 16], ["driver", queue.line.driver, 6 + 2 * queue.size],
    ["device", queue.line.device, 6 + 8 * queue.size]];
const touches = (start, length, field, size) => start < field + size && field < start + length;

function descriptorAt(memory, address) {
  return { address: memory.number(address, 8), length: memory.number(address + 8, 4),
    a: memory.number(address + 12, 2), b: memory.number(address + 14, 2) };
}
function elementsOf(memory, packed, descriptors) {
  const elements = [];
  for (const each of descriptors) {
    const flags = packed ? each.b : each.a;
    if (flags & INDIRECT) {
      const count = Math.min(each.length / 16, 64);
      for (let i = 0, next = 0; i < count && memory.knows(each.address); i++) {
        const entry = descriptorAt(memory, each.address + 16 * next);
        const its = packed ? entry.b : entry.a;
        elements.push({ address: entry.address, length: entry.length, write: !!(its & WRITE), table: true });
        if (!packed && !(its & NEXT)) break;
        next = packed ? next + 1 : entry.b;
      }
    } else elements.push({ address: each.address, length: each.length, write: !!(flags & WRITE) });
  }
  return elements;
}
function flagsAt(queue, memory, position) {
  return memory.number(queue.line.descriptor + 16 * (position % queue.size) + 14, 2);
}
function isAvailable(queue, memory, position) {
  const flags = flagsAt(queue, memory, position), wrap = wrapOf(queue, position);
  return ((flags & AVAIL) ? 1 : 0) === wrap && ((flags & USED) ? 1 : 0) !== wrap;
}
function isUsed(queue, memory, position) {
  const flags = flagsAt(queue, memory, position), wrap = wrapOf(queue, position);
  return ((flags & AVAIL) ? 1 : 0) === wrap && ((flags & USED) ? 1 : 0) === wrap;
}
const heldSlots = queue => queue.available - queue.looked;

function packedStored(queue, memory, byDevice, stop) {
  if (!byDevice) {
    while (heldSlots(queue) < queue.size && isAvailable(queue, memory, queue.available)) {
      const descriptors = [];
      let at = queue.available, flags;
      do {
        const place = queue.line.descriptor + 16 * (at % queue.size);
        descriptors.push(descriptorAt(memory, place));
        flags = flagsAt(queue, memory, at++);
      } while ((flags & NEXT) && descriptors.length < queue.size);
      queue.flight.push({ id: descriptors[descriptors.length - 1].a, head: queue.available % queue.size,
        count: descriptors.length, state: "available", elements: elementsOf(memory, true, descriptors), stop });
      queue.available = at;
    }
    return;
  }
  while (queue.used < queue.available && isUsed(queue, memory, queue.used)) {
    const id = memory.number(queue.line.descriptor + 16 * (queue.used % queue.size) + 12, 2);
    const found = queue.flight.findIndex(each => each.id === id && each.state !== "used");
    let slots = 1;
    if (found >= 0) {
      slots = 0;
      queue.flight.forEach((each, i) => {
        if (i === found || (queue.inOrder && i < found && each.state !== "used")) {
          each.state = "used";
          each.slot = queue.used % queue.size;
          slots += each.count;
        }
      });
    }
    queue.used += slots;
    queue.taken = Math.max(queue.taken, queue.used);
    if (header.source === "vhost-user") drop(queue, queue.flight.filter(each => each.state === "used"));
  }
}
function drop(queue, gone) {
  for (const each of gone) {
    queue.flight.splice(queue.flight.indexOf(each), 1);
    queue.looked += queue.packed ? each.count : 1;
  }
}
function packedTaken(queue, id) {
  const found = queue.flight.findIndex(each => each.id === id);
  if (found >= 0) drop(queue, queue.inOrder ? queue.flight.slice(0, found + 1) : [queue.flight[found]]);
  if (queue.looked > queue.used) queue.used = queue.looked;
}
function splitStored(queue, memory, byDevice, stop) {
  const line = queue.line;
  if (!byDevice) {
    const index = memory.number(line.driver + 2, 2);
    while ((queue.available & 0xFFFF) !== index && queue.available - queue.used < queue.size) {
      const head = memory.number(line.driver + 4 + 2 * (queue.available % queue.size), 2);
      const descriptors = [], numbers = [];
      let next = head, each;
      do {
        each = descriptorAt(memory, line.descriptor + 16 * (next % queue.size));
        descriptors.push(each);
        numbers.push(next);
        next = each.b;
      } while ((each.a & NEXT) && descriptors.length < queue.size);
      queue.flight.push({ id: head, head, count: 1, numbers, state: "available",
        elements: elementsOf(memory, false, descriptors), stop });
      queue.available++;
    }
    return;
  }
  const index = memory.number(line.device + 2, 2);
  while ((queue.used & 0xFFFF) !== index && queue.used < queue.available) {
    const id = memory.number(line.device + 4 + 8 * (queue.used % queue.size), 4);
    const found = queue.flight.find(each => each.id === id && each.state !== "used");
    if (found) found.state = "used";
    queue.used++;
    queue.taken = Math.max(queue.taken, queue.used);
    if (header.source === "vhost-user") drop(queue, queue.flight.filter(each => each.state === "used"));
  }
}
function splitTaken(queue, id) {
  const found = queue.flight.find(each => each.id === id);
  if (found) drop(queue, [found]);
}

function follow(queue, state, step, stop) {
  const [kind, actor, , address] = step;
  if (!"wrs".includes(kind)) return;
  const device = isDevice(actor), length = lengthOf(step), line = queue.line;
  const size = queue.size, view = state.views[actor] || state.newest;
  if (kind === "w") {
    if (queue.packed) {
      if (touches(address, length, line.descriptor, size * 16)) packedStored(queue, state.newest, device, stop);
    } else if (device ? touches(address, length, line.device + 2, 2) : touches(address, length, line.driver + 2, 2)) {
      splitStored(queue, state.newest, device, stop);
    }
    return;
  }
  if (kind === "r" && device) {
    const place = queue.taken % size;
    const next = queue.packed ? line.descriptor + 16 * place : line.driver + 4 + 2 * place;
    if (address === next && queue.taken < queue.available) {
      const position = queue.taken++;
      let at = queue.used;
      for (const each of queue.flight.filter(one => one.state !== "used")) {
        const end = at + each.count;
        if (position >= at && position < end && each.state === "available") each.state = "taken";
        at = end;
      }
    }
    return;
  }
  if (device) return;
  const post = kind === "s" && (step[5] & 2) && header.source === "guest";
  if (kind !== "r" && !post) return;
  if (queue.packed) {
    const field = line.descriptor + 16 * (queue.looked % size) + 12;
    if (touches(address, length, field, 2) && queue.looked < queue.used && isUsed(queue, view, queue.looked)) {
      packedTaken(queue, kind === "r" && address === field ? numberOf(bytesOf(step)) & 0xFFFF : view.number(field, 2));
    }
  } else {
    const field = line.device + 4 + 8 * (queue.looked % size);
    if (touches(address, length, field, 4) && queue.looked < queue.used) {
      splitTaken(queue, kind === "r" && address === field && length === 4 ? numberOf(bytesOf(step))
        : view.number(field, 4));
    }
  }
}

function emptyState() {
  const newest = new Memory();
  return { next: 0, newest, views: actors.map(() => header.views ? new Memory() : newest), queues: [] };
}
function copyState(state) {
  const newest = state.newest.fork();
  return { next: state.next, newest, views: state.views.map(each => each === state.newest ? newest : each.fork()),
    queues: state.queues.map(each => ({ ...each, flight: each.flight.map(one => ({ ...one })) })) };
}
function apply(state) {
  const at = state.next++;
  for (const each of queueLines) {
    if (each.at !== at) continue;
    state.queues = state.queues.filter(queue => queue.index !== each.queue.queue);
    state.queues.push(newQueue(each.queue));
  }
  const step = steps[at];
  if (!step) return;
  if (step[0] === "w" || step[0] === "v") {
    const bytes = bytesOf(step);
    if (step[0] === "w") state.newest.write(step[3], bytes);
    if (header.views) state.views[step[1]].write(step[3], bytes);
  }
  for (const queue of state.queues) follow(queue, state, step, at);
}

// Keyframes are made when somebody first comes by, so that a long recording opens at once.
const keyframes = [emptyState()];
function stateBehind(end) {
  let nearest = Math.min(Math.floor(end / KEYFRAME), keyframes.length - 1);
  let state = copyState(keyframes[nearest]);
  while (state.next < end) {
    apply(state);
    if (state.next % KEYFRAME === 0 && state.next / KEYFRAME === keyframes.length) keyframes.push(copyState(state));
  }
  return state;
}
const endOfStop = stop => stop + 1 < stops.length ? stops[stop + 1] : steps.length;

// Words.
function flagWords(flags, packed) {
  const words = [];
  if (packed && flags & AVAIL) words.push("AVAIL");
  if (packed && flags & USED) words.push("USED");
  if (flags & NEXT) words.push("NEXT");
  if (flags & WRITE) words.push("WRITE");
  if (flags & INDIRECT) words.push("INDIRECT");
  return words.join(" ") || "0";
}
function eventWords(value, queue) {
  const kind = (value >>> 16) & 3, slot = value & 0x7FFF, wrap = (value >>> 15) & 1;
  return kind === 0 ? "enabled" : kind === 1 ? "disabled" : kind === 2 ? `at slot ${slot}, wrap ${wrap}` : "reserved";
}
function placeOf(state, address, length) {
  for (const queue of state.queues) {
    const name = state.queues.length > 1 ? `queue ${queue.index} ` : "";
    const line = queue.line, at = area => address - area;
    if (address >= line.descriptor && at(line.descriptor) < queue.size * 16) {
      const slot = Math.floor(at(line.descriptor) / 16), inside = at(line.descriptor) % 16;
      const names = queue.packed ? ["addr", "len", "id", "flags"] : ["addr", "len", "flags", "next"];
      const ends = [8, 12, 14, 16], starts = [0, 8, 12, 14];
      const fields = names.filter((_, i) => inside < ends[i] && starts[i] < inside + length);
      const clause = queue.packed ? fields.includes("flags") ? "2.8.1, 2.8.13" : "2.8.13" : "2.7.5";
      const to = Math.floor((at(line.descriptor) + length - 1) / 16);
      const which = to > slot ? `${queue.packed ? "slots" : "descriptors"} ${slot} to ${to}`
        : `${queue.packed ? "slot" : "descriptor"} ${slot}, ${fields.join(" ")}`;
      return { text: name + which, clause, queue, fields: to > slot ? [] : fields };
    }
    if (queue.packed) {
      if (address >= line.driver && at(line.driver) < 4) {
        return { text: name + "driver event suppression", clause: "2.8.10, 2.8.14", queue, fields: ["event"] };
      }
      if (address >= line.device && at(line.device) < 4) {
        return { text: name + "device event suppression", clause: "2.8.10, 2.8.14", queue, fields: ["event"] };
      }
      continue;
    }
    for (const [area, start, entry, ring, clause, event] of [
      ["driver", line.driver, 2, "available ring", "2.7.6", "used_event"],
      ["device", line.device, 8, "used ring", "2.7.8", "avail_event"]]) {
      const offset = at(start);
      if (address < start || offset >= 6 + entry * queue.size) continue;
      if (length > entry && length > 2) return { text: `${name}${ring}`, clause, queue, fields: [] };
      if (offset < 2) return { text: `${name}${ring}, flags`, clause, queue, fields: ["suppression"] };
      if (offset < 4) return { text: `${name}${ring}, idx`, clause, queue, fields: ["idx"] };
      if (offset >= 4 + entry * queue.size) {
        return { text: `${name}${event}`, clause: area === "driver" ? "2.7.7" : "2.7.10", queue, fields: [event] };
      }
      const number = Math.floor((offset - 4) / entry);
      const part = area === "driver" ? "head" : length > 4 ? "id len" : (offset - 4) % 8 < 4 ? "id" : "len";
      return { text: `${name}${ring}, entry ${number}, ${part}`, clause, queue, fields: [part] };
    }
  }
  for (const queue of state.queues) {
    for (const buffer of queue.flight) {
      for (const [i, element] of buffer.elements.entries()) {
        if (address >= element.address && address < element.address + element.length) {
          const kind = element.write ? "device-writable" : "device-readable";
          return { text: `buffer ${buffer.id}, element ${i} (${kind}), byte ${address - element.address}`,
            clause: queue.packed ? "2.8.3" : "2.7.4", fields: [] };
        }
      }
    }
  }
  return { text: `memory at ${hex(address)}`, clause: "", fields: [] };
}
function valueWords(place, step) {
  const value = numberOf(bytesOf(step)), queue = place.queue;
  if (!queue || lengthOf(step) > 4) return "";
  if (place.fields.length === 1 && place.fields[0] === "flags") return flagWords(value, queue.packed);
  if (place.fields[0] === "event") return lengthOf(step) === 4 ? eventWords(value, queue) : "";
  return String(value);
}
const orderWords = step => !step[5] ? "" : step[0] === "w" ? ", release" : step[0] === "r" ? ", acquire" : "";
const syncWords = operations => SYNCS.filter(([bit]) => operations & bit).map(([, name]) => name).join(" + ");

function wordsOf(step, state) {
  const who = actors[step[1]];
  switch (step[0]) {
    case "w": case "r": case "v": {
      const place = placeOf(state, step[3], lengthOf(step)), text = lengthOf(step) <= 8
        ? hex(numberOf(bytesOf(step)), 2 * lengthOf(step)) : `${lengthOf(step)} bytes`;
      const words = valueWords(place, step), more = words && words !== text ? ` (${words})` : "";
      const verb = step[0] === "w" ? "stores" : step[0] === "r" ? "loads" : "now sees";
      return `${who} ${verb} ${place.text}: ${text}${more}${orderWords(step)}`;
    }
    case "d": return `${who} ${step[5] ? "writes" : "reads"} ${step[4]} bytes: `
      + placeOf(state, step[3], step[4]).text;
    case "s": return `${who}: ${syncWords(step[5])} of ${placeOf(state, step[3], step[4]).text}`
      + (step[4] > 16 ? ` (${step[4]} bytes)` : "");
    case "b": return `${who}: ${step[3] ? "barrier for devices" : "full barrier"}`;
    case "k": return `${who} kicks: available buffer notification of queue ${step[3]}`;
    case "i": return `${who} interrupts: used buffer notification of queue ${step[3]}`;
    case "n": return `${who} ${step[3]}`;
    default: return `failure: ${step[3]}`;
  }
}
const typeOf = step => step[0] === "f" ? "bad" : step[0] === "s" || step[0] === "v" ? "sync"
  : "ki".includes(step[0]) ? "notify" : isDevice(step[1]) ? "device" : "driver";
function siteOf(step) { return "wrsb".includes(step[0]) ? step[6] || 0 : 0; }
function codeOf(step) { return "wrsbdki".includes(step[0]) ? step[7] || 0 : 0; }

// Drawing.
let current = 0;
let state = emptyState();
let timer = 0;
let zoom = 1;
const isInStep = (address, length) => {
  const step = steps[stops[current]];
  return step && "wrvds".includes(step[0]) && touches(step[3], lengthOf(step), address, length);
};
function seen() {
  const chosen = byId("perspective").value;
  return chosen === "newest" ? state.newest : state.views[Number(chosen)];
}
function differs(address, length) {
  if (!header.views) return false;
  return state.views.some(view => view.number(address, length) !== state.newest.number(address, length));
}
function cell(text, address, length) {
  const made_ = made("td", text);
  if (address !== undefined) {
    if (isInStep(address, length)) made_.classList.add("changed");
    if (differs(address, length)) {
      made_.classList.add("differs");
      made_.title = actors.map((name, i) => `${name}: ${hex(state.views[i].number(address, length))}`).join(", ")
        + `, newest: ${hex(state.newest.number(address, length))}`;
    }
  }
  return made_;
}
function headed(names) {
  const table = made("table"), row = made("tr");
  for (const name of names) row.append(made("th", name));
  table.append(row);
  return table;
}
function packedOwner(queue, slot) {
  for (let position = queue.looked; position < queue.available; position++) {
    if (position % queue.size !== slot) continue;
    return position < queue.used ? ["used", "used: the driver's to take"]
      : position < queue.taken ? ["device", "device (taken)"] : ["device", "device (available)"];
  }
  return ["driver", "driver"];
}
function splitOwner(queue, descriptor) {
  for (const each of queue.flight) {
    if (each.numbers.includes(descriptor)) {
      return each.state === "used" ? ["used", "used: the driver's to take"] : ["device", `device (${each.state})`];
    }
  }
  return ["driver", "driver"];
}
function shownRows(queue, used) {
  const all = [...Array(queue.size).keys()];
  if (queue.size <= 64) return all;
  const near = new Set();
  for (const position of used) for (let i = -8; i < 16; i++) {
    near.add(((position + i) % queue.size + queue.size) % queue.size);
  }
  return all.filter(each => near.has(each));
}
function marksOf(queue, slot) {
  const marks = [];
  const both = [[queue.available, "next available"], [queue.looked, "next used (driver)"],
    [queue.taken, "device takes next"], [queue.used, "device uses next"]];
  for (const [position, name] of both) {
    if (header.source === "vhost-user" && name.includes("(driver)")) continue;
    if (position % queue.size === slot) marks.push(`${name}, wrap ${wrapOf(queue, position)}`);
  }
  return marks.join("; ");
}
function drawPacked(queue, memory) {
  const whole = made("div");
  const table = headed(["slot", "addr", "len", "id", "AVAIL", "USED", "other flags", "owner", "positions"]);
  for (const slot of shownRows(queue, [queue.available, queue.looked, queue.taken, queue.used])) {
    const at = queue.line.descriptor + 16 * slot, each = descriptorAt(memory, at);
    const [type, owner] = packedOwner(queue, slot);
    const row = made("tr", undefined, "owner-" + type);
    const own = made("td", owner, "owner");
    row.append(made("th", slot), cell(hex(each.address), at, 8), cell(each.length, at + 8, 4), cell(each.a, at + 12, 2),
      cell(each.b & AVAIL ? 1 : 0, at + 14, 2), cell(each.b & USED ? 1 : 0, at + 14, 2),
      cell(flagWords(each.b & 7, false), at + 14, 2), own, made("td", marksOf(queue, slot), "positions"));
    table.append(row);
  }
  const box = made("div", undefined, "scroll");
  box.append(table);
  const events = headed(["driver event suppression (driver: interrupt me)",
    "device event suppression (device: kick me)"]);
  const row = made("tr");
  row.append(cell(eventWords(memory.number(queue.line.driver, 4), queue), queue.line.driver, 4),
    cell(eventWords(memory.number(queue.line.device, 4), queue), queue.line.device, 4));
  events.append(row);
  events.className = "area";
  whole.append(box, events);
  return whole;
}
function drawSplit(queue, memory) {
  const whole = made("div"), line = queue.line;
  const table = headed(["descriptor", "addr", "len", "flags", "next", "owner"]);
  const numbers = new Set(queue.flight.flatMap(each => each.numbers));
  for (const number of queue.size <= 64 ? shownRows(queue, []) : [...numbers].sort((a, b) => a - b)) {
    const at = line.descriptor + 16 * number, each = descriptorAt(memory, at);
    const [type, owner] = splitOwner(queue, number);
    const row = made("tr", undefined, "owner-" + type);
    row.append(made("th", number), cell(hex(each.address), at, 8), cell(each.length, at + 8, 4),
      cell(flagWords(each.a, false), at + 12, 2), cell(each.a & NEXT ? each.b : "end", at + 14, 2),
      made("td", owner, "owner"));
    table.append(row);
  }
  const box = made("div", undefined, "scroll");
  box.append(table);
  whole.append(box);
  for (const [title, start, entry, event, marks] of [
    ["available ring (driver)", line.driver, 2, "used_event",
      [[queue.available, "next available"], [queue.taken, "device takes next"]]],
    ["used ring (device)", line.device, 8, "avail_event",
      [[queue.used, "device uses next"], [queue.looked, "driver looks next"]]]]) {
    const ring = headed([title, "value", "positions"]);
    ring.className = "area";
    const add = (name, text, address, length, mark) => {
      const row = made("tr");
      row.append(made("th", name), cell(text, address, length), made("td", mark || ""));
      ring.append(row);
    };
    const flags = memory.number(start, 2);
    add("flags", flags & 1 ? entry === 2 ? "NO_INTERRUPT" : "NO_NOTIFY" : "0", start, 2);
    add("idx", memory.number(start + 2, 2), start + 2, 2);
    for (const i of shownRows(queue, marks.map(([position]) => position))) {
      const at = start + 4 + entry * i;
      const text = entry === 2 ? `head ${memory.number(at, 2)}`
        : `id ${memory.number(at, 4)}, len ${memory.number(at + 4, 4)}`;
      const mark = marks.filter(([position, name]) => position % queue.size === i
        && (header.source !== "vhost-user" || !name.startsWith("driver looks"))).map(([, name]) => name).join("; ");
      add(i, text, at, entry, mark);
    }
    if (queue.events) {
      const at = start + 4 + entry * queue.size;
      add(event, memory.number(at, 2), at, 2);
    }
    const scroll = made("div", undefined, "scroll");
    scroll.append(ring);
    whole.append(scroll);
  }
  return whole;
}
function drawRings() {
  const all = state.queues.map(queue => {
    const whole = made("div");
    whole.append(made("h2", `${queue.line.name || "queue " + queue.index}: ${queue.line.format} ring of ${queue.size}`
      + (queue.events ? ", EVENT_IDX" : "") + (queue.inOrder ? ", IN_ORDER" : "")));
    whole.append(queue.packed ? drawPacked(queue, seen()) : drawSplit(queue, seen()));
    return whole;
  });
  byId("rings").replaceChildren(...(all.length ? all : [made("p", "There is no queue yet.", "quiet")]));
}
function drawFlight() {
  const buffers = state.queues.flatMap(queue => queue.flight.map(each => [queue, each]));
  if (!buffers.length) {
    byId("flight").replaceChildren(made("p", "None.", "quiet"));
    return;
  }
  const table = headed(["buffer", "state", "descriptors", "elements"]);
  for (const [queue, each] of buffers.slice(0, 64)) {
    const row = made("tr");
    const slots = queue.packed ? `${each.count} from slot ${each.head}` : each.numbers.join(" → ");
    const elements = each.elements.map(one => `${one.write ? "W" : "R"} ${one.length}`).join(", ")
      + (each.elements.some(one => one.table) ? " (table)" : "");
    row.append(made("td", (state.queues.length > 1 ? `queue ${queue.index}, ` : "") + (queue.packed ? "ID " : "head ")
      + each.id), made("td", each.state, each.state === "used" ? "driver" : "device"), made("td", slots),
      made("td", elements));
    table.append(row);
  }
  const box = made("div", undefined, "scroll");
  box.append(table);
  byId("flight").replaceChildren(box);
}
// The fields in which somebody's view is not the newest, each with what he sees.
function differences() {
  const found = [];
  for (const queue of state.queues) {
    for (const [, start, length] of areasOf(queue)) {
      for (let at = start; at < start + length; at += 2) {
        const newest = state.newest.number(at, 2);
        for (let actor = 0; actor < actors.length; actor++) {
          const value = state.views[actor].number(at, 2);
          if (value !== newest) found.push({ actor, at, value, newest });
        }
      }
    }
    for (const each of queue.flight) for (const element of each.elements) {
      for (let at = element.address; at < element.address + Math.min(element.length, 64); at++) {
        const newest = state.newest.byte(at);
        for (let actor = 0; actor < actors.length; actor++) {
          const value = state.views[actor].byte(at);
          if (value !== newest) found.push({ actor, at, value, newest, isByte: true });
        }
      }
    }
  }
  return found;
}
function drawViews() {
  const box = byId("views");
  if (!header.views) {
    box.replaceChildren(made("p", "In this recording both sides see the same memory.", "quiet"));
    return;
  }
  const found = differences();
  const verb = header.source === "explorer" ? "may still see" : "sees";
  const all = actors.map((name, actor) => {
    const whole = made("div"), its = found.filter(each => each.actor === actor);
    whole.append(made("strong", name, isDevice(actor) ? "device" : "driver"));
    if (!its.length) {
      whole.append(made("span", " sees the newest value of everything.", "quiet"));
      return whole;
    }
    const list = made("ul");
    for (const each of its.slice(0, 24)) {
      const size = each.isByte ? 1 : 2;
      list.append(made("li", `${verb} ${hex(each.value, 2 * size)} in ${placeOf(state, each.at, size).text}; newest is `
        + hex(each.newest, 2 * size)));
    }
    if (its.length > 24) list.append(made("li", `and ${its.length - 24} more`));
    whole.append(list);
    return whole;
  });
  box.replaceChildren(...all);
}
function snippet(name, line) {
  const source = catalog.sources[`${name}:${line}`];
  if (!source) return null;
  const box = made("pre");
  source.lines.forEach((text, i) => {
    const number = String(source.first + i).padStart(4) + "  ";
    box.append(source.first + i === line ? made("b", number + text) : number + text, "\n");
  });
  return box;
}
function drawDetail() {
  const step = steps[stops[current]], box = byId("detail");
  if (!step) {
    box.replaceChildren(made("p", "The recording has no steps.", "quiet"));
    return;
  }
  const facts = made("dl", undefined, "facts"), parts = [facts];
  const fact = (name, text, type) => { if (text) facts.append(made("dt", name), made("dd", text, type)); };
  const site = catalog.sites[siteOf(step)], place = "wrvds".includes(step[0])
    ? placeOf(state, step[3], lengthOf(step)) : { clause: step[0] === "k" ? "2.9" : step[0] === "i" ? "2.3" : "" };
  fact("who", actors[step[1]], isDevice(step[1]) ? "device" : "driver");
  fact("what", wordsOf(step, state));
  if (header.timed) fact("when", `${(step[2] / 1000).toFixed(3)} µs`);
  if ("wrvds".includes(step[0])) fact("device address", hex(step[3]));
  if (site) fact("site", `${siteOf(step)} ${site.name}: ${site.summary}`);
  if (site && site.without) fact("without it", site.without);
  const clause = [site && site.clause, place.clause].filter(Boolean).join("; ");
  fact("clause", clause ? "virtio 1.4, " + clause : "");
  const code = places[codeOf(step)] || (site && site.file ? { file: site.file, line: site.line, in: "" } : null);
  if (code) {
    fact("source", `${code.file}:${code.line}${code.in ? " in " + code.in : ""}`);
    const text = snippet(code.file, code.line);
    if (text) parts.push(text);
  }
  const effects = [];
  for (let i = stops[current] + 1; i < endOfStop(current); i++) effects.push(wordsOf(steps[i], state));
  if (effects.length) {
    const list = made("ul");
    for (const each of effects.slice(0, 12)) list.append(made("li", each, "sync"));
    if (effects.length > 12) list.append(made("li", `and ${effects.length - 12} more`));
    parts.push(made("strong", "and with it"), list);
  }
  box.replaceChildren(...parts);
}
const ROW = 20;
byId("rows").style.height = `${stops.length * ROW}px`;
const rowWords = new Map();
function rowText(stop) {
  // Rows that were passed have the words of their moment; the others those of now.
  return rowWords.get(stop) || wordsOf(steps[stops[stop]], state);
}
function drawList() {
  const list = byId("list"), rows = byId("rows");
  const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 5);
  const last = Math.min(stops.length, first + Math.ceil(list.clientHeight / ROW) + 10);
  const shown = [];
  for (let stop = first; stop < last; stop++) {
    const step = steps[stops[stop]];
    if (!step) continue;
    const row = made("div", undefined, "row " + typeOf(step));
    row.style.top = `${stop * ROW}px`;
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", stop === current ? "true" : "false");
    row.append(made("span", stop + 1, "number"), rowText(stop));
    row.addEventListener("click", () => go(stop));
    shown.push(row);
  }
  rows.replaceChildren(...shown);
}
const LANES = [["driver", step => "wrdbn".includes(step[0]) && !isDevice(step[1])], ["ownership",
  step => "sv".includes(step[0])], ["device", step => "wrdbn".includes(step[0]) && isDevice(step[1])],
["notifications", step => "kif".includes(step[0])]];
const laneOf = step => LANES.findIndex(([, belongs]) => belongs(step));
let window_ = { first: 0, count: 1 };
function drawTimeline() {
  const canvas = byId("timeline"), ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = 150;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const draw = canvas.getContext("2d");
  draw.scale(ratio, ratio);
  const style = getComputedStyle(document.body), resolved = {};
  // Custom properties keep light-dark() unresolved: an element of the page resolves it.
  for (const name of ["driver", "device", "sync", "notify", "bad", "quiet"]) {
    const probe = made("span", undefined, name);
    document.body.append(probe);
    resolved[name] = getComputedStyle(probe).color;
    probe.remove();
  }
  const left = 86, inner = width - left - 8, lane = 26;
  const count = Math.min(stops.length, Math.max(20, Math.round(stops.length / zoom)));
  const first = Math.max(0, Math.min(stops.length - count, current - Math.floor(count / 2)));
  window_ = { first, count, left, inner };
  draw.font = "12px system-ui, sans-serif";
  draw.textBaseline = "middle";
  LANES.forEach(([name], i) => {
    draw.fillStyle = resolved.quiet;
    draw.fillText(name, 6, 14 + i * lane + lane / 2);
    draw.globalAlpha = .35;
    draw.fillRect(left, 14 + i * lane + lane - 1, inner, 1);
    draw.globalAlpha = 1;
  });
  const wide = Math.max(1, inner / count - 1);
  const drawn = new Set();
  for (let stop = first; stop < first + count; stop++) {
    const step = steps[stops[stop]];
    if (!step) continue;
    const x = Math.round(left + (stop - first) / count * inner), at = laneOf(step), key = at * 65536 + x;
    if (drawn.has(key) && step[0] !== "f") continue;
    drawn.add(key);
    draw.fillStyle = resolved[typeOf(step)];
    const y = 14 + at * lane;
    draw.fillRect(x, step[0] === "n" ? y + 10 : y + 4, wide, step[0] === "n" ? 5 : lane - 9);
  }
  // The whole, below.
  const y = height - 16;
  draw.fillStyle = resolved.quiet;
  draw.globalAlpha = .3;
  draw.fillRect(left, y, inner, 8);
  draw.globalAlpha = .6;
  draw.fillRect(left + first / stops.length * inner, y, Math.max(2, count / stops.length * inner), 8);
  draw.globalAlpha = 1;
  draw.fillStyle = resolved.bad;
  for (const stop of failures) draw.fillRect(left + stop / stops.length * inner - 1, y - 3, 3, 14);
  draw.fillStyle = style.color;
  draw.fillRect(left + (current - first + .5) / count * inner - 1, 4, 2, height - 26);
  draw.fillRect(left + (current + .5) / stops.length * inner - 1, y - 4, 2, 16);
}
function draw() {
  drawRings();
  drawFlight();
  drawViews();
  drawDetail();
  const list = byId("list"), top = current * ROW;
  if (top < list.scrollTop || top > list.scrollTop + list.clientHeight - 2 * ROW) {
    list.scrollTop = Math.max(0, top - list.clientHeight / 2);
  }
  drawList();
  drawTimeline();
  byId("position").value = current;
  byId("counter").textContent = `step ${current + 1} of ${stops.length}` + (dropped ? ` (${dropped} not kept)` : "");
  const step = steps[stops[current]];
  byId("now").textContent = step ? wordsOf(step, state) : "";
  byId("now").className = step ? typeOf(step) : "";
}
function go(stop) {
  current = Math.max(0, Math.min(stops.length - 1, stop));
  state = stateBehind(endOfStop(current));
  if (steps.length) rowWords.set(current, wordsOf(steps[stops[current]], state));
  draw();
}
function find(direction, wanted) {
  for (let stop = current + direction; stop >= 0 && stop < stops.length; stop += direction) {
    if (wanted(steps[stops[stop]])) {
      go(stop);
      return;
    }
  }
}
const isFailure = step => step[0] === "f";
function play() {
  if (timer) {
    clearInterval(timer);
    timer = 0;
  } else {
    if (current === stops.length - 1) go(0);
    timer = setInterval(() => {
      if (current === stops.length - 1) play();
      else go(current + 1);
    }, 1000 / Number(byId("speed").value));
  }
  byId("play").textContent = timer ? "❚❚" : "▶▶";
  byId("play").setAttribute("aria-label", timer ? "Pause" : "Play");
}
function showKeys() {
  byId("keys").hidden = !byId("keys").hidden;
  byId("help").setAttribute("aria-expanded", String(!byId("keys").hidden));
}
const keys = {
  ArrowRight: event => go(current + (event.shiftKey ? 10 : 1)),
  ArrowLeft: event => go(current - (event.shiftKey ? 10 : 1)),
  Home: () => go(0), End: () => go(stops.length - 1), " ": play,
  n: () => find(1, isFailure), p: () => find(-1, isFailure),
  d: () => find(1, step => isDevice(step[1])), D: () => find(-1, step => isDevice(step[1])),
  k: () => find(1, step => "ki".includes(step[0])), K: () => find(-1, step => "ki".includes(step[0])),
  v: () => {
    const choice = byId("perspective");
    choice.selectedIndex = (choice.selectedIndex + 1) % choice.options.length;
    draw();
  },
  "+": () => { zoom = Math.min(zoom * 2, Math.max(1, stops.length / 20)); drawTimeline(); },
  "-": () => { zoom = Math.max(1, zoom / 2); drawTimeline(); },
  "?": showKeys,
};
document.addEventListener("keydown", event => {
  const isField = event.target.tagName === "SELECT" || (event.target.tagName === "BUTTON" && event.key === " ");
  if (event.ctrlKey || event.altKey || event.metaKey || isField || !Object.hasOwn(keys, event.key)) return;
  event.preventDefault();
  keys[event.key](event);
});
byId("title").textContent = header.title;
document.title = header.title;
byId("about").textContent = header.about;
byId("perspective").append(new Option("it is (newest)", "newest"),
  ...(header.views ? actors.map((name, i) => new Option(`the ${name} sees it`, String(i))) : []));
byId("perspective").addEventListener("change", draw);
byId("position").max = stops.length - 1;
byId("position").addEventListener("input", () => go(Number(byId("position").value)));
for (const [id, action] of Object.entries({ first: () => go(0), back: () => go(current - 1), play,
  step: () => go(current + 1), last: () => go(stops.length - 1), help: showKeys,
  nextFailure: () => find(1, isFailure), previousFailure: () => find(-1, isFailure) })) {
  byId(id).addEventListener("click", action);
}
byId("nextFailure").disabled = byId("previousFailure").disabled = failures.length === 0;
byId("speed").addEventListener("change", () => { if (timer) { play(); play(); } });
byId("list").addEventListener("scroll", drawList);
byId("timeline").addEventListener("click", event => {
  const { first, count, left, inner } = window_, x = (event.offsetX - left) / inner;
  if (x < 0 || x > 1) return;
  go(event.offsetY > 125 ? Math.floor(x * stops.length) : first + Math.floor(x * count));
});
window.addEventListener("resize", drawTimeline);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawTimeline);
if (stops.length > 500) zoom = stops.length / 300;
const asked = Number(new URLSearchParams(location.hash.slice(1)).get("step"));
go(asked ? asked - 1 : location.hash === "#failure" && failures.length ? failures[0] : 0);

// For tests: the memory of a step, and where the page is.
window.viewer = {
  steps: steps.length, stops: stops.length, failures, go, current: () => current,
  bytes: (step, address, length, actor) => {
    const at = stateBehind(step + 1), memory = actor === undefined ? at.newest : at.views[actor];
    return Array.from({ length }, (_, i) => memory.byte(address + i).toString(16).padStart(2, "0")).join("");
  },
  flight: () => state.queues.map(queue => queue.flight.map(each => `${each.id} ${each.state}`)),
};
document.body.dataset.opened = String(Math.round(performance.now()));
