"use strict";

// Finds issues newest first: month by month, and in a month bundle by bundle, for as long as it
// takes to fill a page. A bundle is an index of Pagefind's that covers some days.
(() => {
  const PAGE = 20;
  const MOST_ATTEMPTS = 3;
  const LONGEST_ENDING = 3;
  const SHORTEST_BEGINNING = 3;

  const form = document.getElementById("search");
  const statusLine = document.getElementById("status");
  const list = document.getElementById("results");
  const more = document.getElementById("more");

  class Changed extends Error {}

  // Pagefind with the bundles that were needed so far.
  class Engine {
    constructor(module) {
      this.instance = module.createInstance({ noWorker: true });
      this.bundles = new Map();
    }

    // Bundles change as issues are published: one that did can't be read on. Searches share the
    // engine, so one may need a bundle that is still on its way for another.
    async add(month, name, tag) {
      const known = this.bundles.get(name);
      if (known && known.tag !== tag) throw new Changed();
      const bundle = known || { tag, merged: this.merge(month, name, tag) };
      this.bundles.set(name, bundle);
      await bundle.merged;
    }

    merge(month, name, tag) {
      const folder = new URL(`bundles/${month}/${name}/`, document.baseURI);
      return this.instance.mergeIndex(folder.pathname, {
        mergeFilter: { bundle: name },
        metaCacheTag: tag,
      });
    }

    async search(name, wanted) {
      const filters = { bundle: name };
      if (wanted.newsletter) filters.newsletter = wanted.newsletter;
      if (wanted.zone) filters.zone = wanted.zone;
      const found = await this.instance.search(wanted.q || null, { filters, sort: { start: "desc" } });
      return found.results;
    }
  }

  // A promise of the engine that searches begin with.
  let current = null;

  async function freshEngine() {
    return new Engine(await import(new URL("pagefind/pagefind.js", document.baseURI)));
  }

  async function bundlesOf(month) {
    // Servers that tell versions apart by the second would confirm the one that is cached.
    const answer = await fetch(`months/${month}.json`, { cache: "no-store" });
    if (answer.status === 404) return {};
    if (!answer.ok) throw new Error(`${answer.url} answered ${answer.status}`);
    return answer.json();
  }

  function wordsOf(text) {
    const plain = text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
    return plain.split(/\s+/).flatMap((chunk) => [
      chunk.replace(/[\p{Pd}\p{Pe}\p{Pf}\p{Pi}\p{Po}\p{Ps}]/gu, ""),
      ...chunk.split(/[\p{P}\p{S}]+/u),
    ]);
  }

  function begins(word, term) {
    if (word.startsWith(term)) return true;
    if (/\d/.test(term)) return false;
    // Pagefind compares words without their English endings.
    return word.startsWith(term.slice(0, Math.max(SHORTEST_BEGINNING, term.length - LONGEST_ENDING)));
  }

  // Where no word of a bundle begins like a term, Pagefind takes the longest word that the term
  // begins with, such as the article for Austria. That is so for a whole bundle or not at all.
  function isMeant(found, query) {
    if (query.startsWith('"')) return true;
    const words = wordsOf([found.content, ...Object.values(found.meta)].join(" "));
    const terms = query.split(/\s+/).map((term) => wordsOf(term)[0]);
    return terms.every((term) => words.some((word) => begins(word, term)));
  }

  async function* find(engine, wanted) {
    const months = form.dataset.months.split(" ").filter((month) => month);
    for (const month of months.filter((month) => month.startsWith(wanted.year))) {
      const tags = await bundlesOf(month);
      for (const name of Object.keys(tags).sort().reverse()) {
        await engine.add(month, name, tags[name]);
        const results = await engine.search(name, wanted);
        if (results.length && isMeant(await results[0].data(), wanted.q)) yield* results;
      }
    }
  }

  // Pagefind escapes the text and marks what was searched for; nothing else becomes an element.
  function marked(excerpt) {
    const paragraph = document.createElement("p");
    excerpt.split(/<mark>|<\/mark>/).forEach((piece, number) => {
      const text = piece.replaceAll("&lt;", "<").replaceAll("&gt;", ">");
      const node = number % 2 ? document.createElement("mark") : document.createTextNode(text);
      node.textContent = text;
      paragraph.append(node);
    });
    return paragraph;
  }

  function row(found, withExcerpt) {
    const item = document.createElement("li");
    const period = document.createElement("time");
    period.dateTime = found.meta.day;
    period.textContent = found.meta.period;
    const link = document.createElement("a");
    link.href = `../${found.raw_url}`;
    link.textContent = found.meta.title;
    const of = document.createElement("span");
    of.className = "of";
    of.textContent = `${found.meta.newsletter} · ${found.meta.place}`;
    const text = document.createElement("div");
    text.append(link, of);
    if (withExcerpt) text.append(marked(found.excerpt));
    item.append(period, text);
    return item;
  }

  async function nextPage(results) {
    const page = [];
    while (page.length < PAGE) {
      const { value, done } = await results.next();
      if (done) return { page, done };
      page.push(value);
    }
    return { page, done: false };
  }

  function say(count, done) {
    if (!done) statusLine.textContent = `${count} issues found so far, newest first.`;
    else if (count) statusLine.textContent = `${count} ${count === 1 ? "issue" : "issues"} found, newest first.`;
    else statusLine.textContent = "No issue found. Fewer or shorter words find more.";
  }

  let latest = 0;

  async function show(wanted, results, run) {
    const { page, done } = await nextPage(results);
    const found = await Promise.all(page.map((result) => result.data()));
    if (run !== latest) return null;
    const rows = found.map((each) => row(each, Boolean(wanted.q)));
    list.append(...rows);
    say(list.children.length, done);
    more.hidden = done;
    return rows[0] || null;
  }

  async function begin(wanted) {
    const run = (latest += 1);
    const isAsked = wanted.q || wanted.newsletter || wanted.zone || wanted.year;
    list.replaceChildren();
    more.hidden = true;
    more.onclick = null;
    statusLine.textContent = isAsked ? "Searching…" : "";
    if (!isAsked) return;
    for (let attempt = 1; run === latest; attempt += 1) {
      const used = (current ||= freshEngine());
      try {
        const results = find(await used, wanted);
        await show(wanted, results, run);
        more.onclick = () => showMore(wanted, results, run);
        return;
      } catch (error) {
        if (current === used) current = null;
        if (attempt === MOST_ATTEMPTS) {
          fail(error, run);
          return;
        }
      }
    }
  }

  async function showMore(wanted, results, run) {
    more.hidden = true;
    try {
      const first = await show(wanted, results, run);
      if (first) first.querySelector("a").focus();
    } catch (error) {
      if (!(error instanceof Changed)) fail(error, run);
      else if (run === latest) await begin(wanted);
    }
  }

  function fail(error, run) {
    if (run !== latest) return;
    statusLine.textContent = `The search can’t be done just now: ${error.message}`;
  }

  function asked() {
    const wanted = {};
    for (const name of ["q", "newsletter", "zone", "year"]) {
      wanted[name] = form.elements[name].value.trim();
    }
    return wanted;
  }

  function submit() {
    const wanted = asked();
    const query = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value));
    history.pushState(null, "", `?${query}`);
    begin(wanted);
  }

  function restore() {
    const query = new URLSearchParams(location.search);
    for (const name of ["q", "newsletter", "zone", "year"]) {
      const field = form.elements[name];
      field.value = query.get(name) || "";
      if (field.selectedIndex === -1) field.value = "";
    }
    begin(asked());
  }

  if (location.protocol === "file:") {
    document.getElementById("from-file").hidden = false;
    form.hidden = true;
    return;
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  form.querySelectorAll("select").forEach((select) => select.addEventListener("change", submit));
  addEventListener("popstate", restore);
  restore();
})();
