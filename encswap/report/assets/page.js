"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const words = data.words;
  const byId = (id) => document.getElementById(id);
  const make = (tag, text, name) => {
    const node = document.createElement(tag);
    if (text !== undefined) node.textContent = text;
    if (name) node.className = name;
    return node;
  };
  const fill = (pattern, values) => pattern.replace(/\{(\w+)\}/g, (_, key) => values[key]);

  // Three decimals as Python writes them: exact halves, odd sixteenths, go to the even digit.
  const share = (x) => {
    if ((x * 16) % 2 !== 1) return x.toFixed(3);
    const below = Math.floor(x * 1000);
    return ((below % 2 ? below + 1 : below) / 1000).toFixed(3);
  };

  // Thresholds: each survivor is a pair of ticks between which it is extracted.
  const standing = (pairs, tick) => {
    let count = 0;
    for (let i = 0; i < pairs.length; i += 2) if (pairs[i] <= tick && tick <= pairs[i + 1]) count++;
    return count;
  };
  const row = (name, right, found, gold) => ({ name, right, found, gold });
  const countAt = (tick) => {
    const rows = data.ladders.map(([name, gold, right, wrong]) => {
      const hits = standing(right, tick);
      return row(name, hits, hits + standing(wrong, tick), gold);
    });
    const sum = (key) => rows.reduce((total, one) => total + one[key], 0);
    return [...rows, row(null, sum("right"), sum("found"), sum("gold"))];
  };
  const showThreshold = (tick) => {
    const shown = (tick / data.ticks).toFixed(2);
    byId("at").textContent = shown;
    byId("slider").setAttribute("aria-valuetext", shown);
    const body = byId("counted");
    countAt(tick).forEach((one, place) => {
      const cells = body.rows[place].cells;
      cells[1].textContent = share(one.found ? one.right / one.found : 0);
      cells[2].textContent = share(one.gold ? one.right / one.gold : 0);
      cells[3].textContent = share(one.found + one.gold ? (2 * one.right) / (one.found + one.gold) : 0);
      cells[4].textContent = one.right;
      cells[5].textContent = one.found;
    });
    document.querySelectorAll("line.marker").forEach((marker) => {
      const axis = marker.ownerSVGElement.dataset;
      const part = (tick / data.ticks - axis.low) / (axis.high - axis.low);
      const x = +axis.start + Math.min(Math.max(part, 0), 1) * (axis.end - axis.start);
      marker.setAttribute("x1", x);
      marker.setAttribute("x2", x);
    });
  };
  const slider = byId("slider");
  slider.addEventListener("input", () => showThreshold(+slider.value));
  byId("reset").addEventListener("click", () => {
    slider.value = data.threshold;
    showThreshold(data.threshold);
  });

  // Documents: [id, text, gold, predicted, unlocated, cases], worst first; offsets are code points,
  // texts may be left out. To each come its place in the file and the slices it lacks mentions of.
  data.documents.forEach((doc, n) => doc.push(data.places[n], data.lacks[n]));
  const page = 20;
  const filters = { search: byId("search"), label: byId("label"), kind: byId("kind"), part: byId("part"), order: byId("order") };
  let matching = [];
  let shown = 0;
  const astral = /[\ud800-\udfff]/;
  const cutter = (text) => {
    if (!astral.test(text)) return (from, to) => text.slice(from, to);
    const points = Array.from(text);
    return (from, to) => points.slice(from, to).join("");
  };
  const goldOf = (doc, place) => {
    const cut = cutter(doc[1]);
    if (place < 0) return { text: doc[4][-1 - place][1], label: doc[4][-1 - place][0] };
    const [start, end, label] = doc[2].slice(place * 3, place * 3 + 3);
    return { text: cut(start, end), label };
  };
  const predictedOf = (doc, place) => {
    const [start, end, label, score] = doc[3].slice(place * 4, place * 4 + 4);
    return { text: cutter(doc[1])(start, end), label, score: (score / data.ticks).toFixed(2) };
  };
  const labelsOf = (doc, [, , gold, predicted]) => {
    const found = [];
    if (gold !== null) found.push(gold < 0 ? doc[4][-1 - gold][0] : doc[2][gold * 3 + 2]);
    if (predicted !== null) found.push(doc[3][predicted * 4 + 2]);
    return found;
  };
  const fits = (doc, one) => {
    const [kind, detail] = one;
    const wanted = filters.kind.value;
    if (wanted === "error" ? kind === "exact" : wanted && wanted !== kind && wanted !== `${kind}/${detail}`) return false;
    const label = filters.label.value;
    // A pair is counted under its gold's label; without a kind, either side's label is enough.
    if (label === "") return true;
    const labels = labelsOf(doc, one);
    return wanted ? labels[0] === +label : labels.includes(+label);
  };
  const matches = (doc) => {
    const term = filters.search.value.trim().toLowerCase();
    if (term && !doc[1].toLowerCase().includes(term) && !doc[0].toLowerCase().includes(term)) return false;
    if (filters.part.value && !doc[7].includes(+filters.part.value)) return false;
    return (!filters.label.value && !filters.kind.value) || doc[5].some((one) => fits(doc, one));
  };

  const tone = (label) => `var(--c${label % 8})`;
  const marked = (doc) => {
    const [, text, gold, predicted] = doc;
    const cut = cutter(text);
    const spans = [];
    for (let i = 0; i < gold.length; i += 3) spans.push(["g", gold[i], gold[i + 1], gold[i + 2], ""]);
    for (let i = 0; i < predicted.length; i += 4) {
      const score = ` ${(predicted[i + 3] / data.ticks).toFixed(2)}`;
      spans.push(["p", predicted[i], predicted[i + 1], predicted[i + 2], score]);
    }
    const edges = [...new Set(spans.flatMap((one) => [one[1], one[2]]))].sort((a, b) => a - b);
    const block = make("p", undefined, "text");
    let before = 0;
    edges.forEach((edge, place) => {
      block.append(cut(before, edge));
      before = edge;
      const next = edges[place + 1];
      const over = spans.filter((one) => one[1] <= edge && next !== undefined && next <= one[2]);
      if (!over.length) return;
      const part = make("span", cut(edge, next));
      const said = over.map(([sign, , , label, score]) => {
        part.classList.add(sign);
        part.style.setProperty(`--${sign}`, tone(label));
        return `${sign === "g" ? words.gold_mark : words.predicted_mark}: ${data.labels[label]}${score}`;
      });
      part.title = said.join(" · ");
      block.append(part);
      before = next;
    });
    block.append(cut(before, Infinity));
    return block;
  };
  const quoted = (text) => (data.texts ? ` “${text}”` : "");
  const told = (doc, [kind, detail, gold, predicted]) => {
    const item = make("li");
    item.append(make("b", detail ? `${words.kinds[kind]} · ${words.kinds[detail]}` : words.kinds[kind]));
    const sides = [];
    if (gold !== null) {
      const one = goldOf(doc, gold);
      sides.push(`${words.gold_mark}${quoted(one.text)} ${data.labels[one.label]}`);
    }
    if (predicted !== null) {
      const one = predictedOf(doc, predicted);
      sides.push(`${words.predicted_mark}${quoted(one.text)} ${data.labels[one.label]} ${one.score}`);
    }
    item.append(`: ${sides.join(" → ")}`);
    return item;
  };
  const drawn = (doc) => {
    const node = make("article");
    node.append(make("h3", doc[0]));
    if (data.texts) node.append(marked(doc));
    else node.append(make("p", fill(words.counted, { gold: doc[2].length / 3 + doc[4].length, predicted: doc[3].length / 4 }), "note"));
    const list = make("ul");
    const wanted = filters.kind.value === "exact" ? "exact" : "";
    doc[5].filter((one) => one[0] !== "exact" || wanted).forEach((one) => list.append(told(doc, one)));
    if (list.children.length) node.append(list);
    if (!doc[2].length && !doc[4].length) node.append(make("p", words.no_gold, "note"));
    return node;
  };
  const more = () => {
    const list = byId("list");
    matching.slice(shown, shown + page).forEach((doc) => list.append(drawn(doc)));
    shown = Math.min(shown + page, matching.length);
    byId("count").textContent = matching.length
      ? fill(words.showing, { shown, found: matching.length })
      : words.nothing_found;
    byId("more").hidden = shown >= matching.length;
  };
  const filter = () => {
    matching = data.documents.filter(matches);
    if (filters.order.value === "file") matching.sort((one, other) => one[6] - other[6]);
    shown = 0;
    byId("list").replaceChildren();
    more();
  };
  let waiting;
  filters.search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 120);
  });
  filters.label.addEventListener("change", filter);
  filters.kind.addEventListener("change", filter);
  filters.part.addEventListener("change", filter);
  filters.order.addEventListener("change", filter);
  byId("more").addEventListener("click", more);
  document.querySelectorAll("button[data-kind], button[data-part]").forEach((button) =>
    button.addEventListener("click", () => {
      filters.kind.value = button.dataset.kind ?? "";
      filters.label.value = button.dataset.label ?? "";
      filters.part.value = button.dataset.part ?? "";
      filters.search.value = "";
      filter();
      byId("documents").scrollIntoView();
      byId("documents").focus();
    }),
  );
  // A table that does not fit says so below it; without a script its shadowed edge does.
  const measure = () =>
    document.querySelectorAll(".wide").forEach((one) => one.classList.toggle("scrolls", one.scrollWidth > one.clientWidth + 1));
  addEventListener("resize", measure);
  measure();
  showThreshold(+slider.value);
  filter();
})();
