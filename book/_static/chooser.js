// The chooser's behaviour; its rules and numbers come with the page, from book/chooser.py.
(() => {
  const root = document.currentScript.previousElementSibling;
  const { rules, evidence, gaps, labels } = JSON.parse(root.querySelector("script").textContent);
  const form = root.querySelector("form");
  const output = form.querySelector("output");
  const within = (value, [least, most]) => least <= value && value <= most;

  const make = (tag, text, name) => {
    const element = document.createElement(tag);
    element.textContent = text;
    if (name) element.className = name;
    return element;
  };

  // Sizes are compared by their ratio: 10 is as far from 20 as 50 is from 100.
  const distance = (one, groups, rows) =>
    Math.abs(Math.log(one.groups / groups)) + Math.abs(Math.log(one.rows / rows));

  const LEFT_OUT = " We left out … rows without an answer; … people stopped early.";

  const percent = ([rate, mcse]) => `${rate.toFixed(1)} (${mcse.toFixed(1)})`;

  const said = (coverage, strategies) =>
    strategies.map((one) => `${percent(coverage[one])} % by ${labels[one]}`).join(", in ");

  // Every spread of slopes that was simulated for the study nearest in size.
  const seen = (rule, varies, groups, rows) => {
    const near = [...evidence[varies]].sort(
      (a, b) => distance(a, groups, rows) - distance(b, groups, rows),
    );
    const same = near.filter(
      (one) => one.groups === near[0].groups && one.rows === near[0].rows && one.of === near[0].of,
    );
    const strategies = [rule.strategy, "mlm_full", "two_stage", "mlm_intercept", "cluster_robust"].filter(
      (one, place, all) => one in same[0].coverage && all.indexOf(one) === place,
    );
    const table = make("table", "", "dataframe");
    const [head, body] = ["thead", "tbody"].map((tag) => table.appendChild(make(tag, "")));
    const about =
      "95 % intervals that held the truth, in percent (Monte Carlo standard error), in the " +
      `nearest simulated study: ${near[0].groups} people, ${near[0].rows} rows each, ` +
      `${near[0].of}, nothing missing. People's slopes differ with an SD given in SDs of the ` +
      "noise, for a predictor whose own SD is 1: multiply yours by the SD of your predictor (0.5 for " +
      "a condition coded 0 and 1, 2.3 for visits 0 to 7).";
    const row = (part, tag, cells) => {
      const line = part.insertRow();
      for (const text of cells) line.append(make(tag, text));
    };
    row(head, "th", ["SD of slopes", ...strategies.map((one) => labels[one])]);
    for (const one of same.sort((a, b) => a.slope_sd - b.slope_sd)) {
      const rates = strategies.map((name) => percent(one.coverage[name]));
      row(body, "td", [String(one.slope_sd), ...rates]);
    }
    for (const cell of head.querySelectorAll("th")) cell.scope = "col";
    const box = make("div", "", "chooser-table");
    box.append(table);
    box.tabIndex = 0; // so that a wide table can be scrolled by keyboard
    table.ariaLabel = "Intervals that held the truth";
    const far = "No study nearer to yours was simulated: the more rows, the worse a random intercept.";
    return [make("p", about), box, ...(rows > 2 * near[0].rows ? [make("p", far)] : [])];
  };

  const leavers = () =>
    "When people stop early: in a simulation of 100 people with up to 8 rows each, in which " +
    "leaving depended on the last answer, 95 % intervals of an average slope held the truth in " +
    `${said(gaps.seen, ["mlm_full", "two_stage", "cluster_robust"])}. Where it depended on the ` +
    `answer that nobody saw, ${said(gaps.unseen, ["mlm_full"])}: then no strategy helps, only ` +
    "knowing why people leave. Say how many left, and when.";

  const code = (title, text) => {
    const part = document.createElement("div");
    part.append(make("strong", title), make("pre", text || "has no such model"));
    part.querySelector("pre").tabIndex = 0; // so that a long line can be scrolled by keyboard
    return part;
  };

  const links = (rule, groups, rows) => {
    const line = make("p", "Read on: ");
    const add = (text, address) => {
      const link = make("a", text);
      link.href = address;
      line.append(link);
    };
    add(rule.title, `${rule.chapter}.html`);
    if (rule.example.length) {
      line.append(". A worked example: ");
      add(...rule.example);
    }
    line.append(". Other sizes and spreads: ");
    add("the playground", `playground.html#people=${groups}&rows=${rows}`);
    line.append(".");
    return line;
  };

  const answer = () => {
    const [groups, rows] = ["groups", "rows"].map((name) => Math.round(form[name].valueAsNumber));
    output.replaceChildren();
    if (!(groups >= 2 && rows >= 2)) {
      output.append(make("p", "Type two whole numbers, 2 or more each."));
      return;
    }
    const rule = rules.find(
      (one) =>
        ["varies", "repeats", "missing"].every((name) => one[name].includes(form[name].value)) &&
        within(groups, one.groups) && within(rows, one.rows),
    );
    const incomplete = form.missing.value === "gaps";
    const use = rule.strategy ? labels[rule.strategy] : "A model with two kinds of groups";
    output.append(make("p", `Use: ${use}`, "chooser-use"));
    for (const [program, text] of Object.entries(rule.calls[form.missing.value])) {
      output.append(code(program, text));
    }
    output.append(make("p", `Beware: ${rule.caution}`));
    if (rule.statsmodels && rule.strategy !== "two_stage") {
      output.append(make("p", "statsmodels tests with z, which is too sure with few people."));
    }
    if (!incomplete) {
      const blanks = 'Where cells are blank, add missing="drop", and .dropna() for statsmodels.';
      output.append(make("p", blanks));
    }
    if (incomplete && rule.simulated) output.append(make("p", leavers()));
    output.append(
      make("p", `For the paper: ${rule.paper}${incomplete ? LEFT_OUT : ""}`),
      ...(rule.simulated
        ? seen(rule, form.varies.value, groups, rows)
        : [make("p", "This book has no simulation of such data.")]),
      links(rule, groups, rows),
    );
  };

  form.addEventListener("input", answer);
  form.addEventListener("submit", (event) => event.preventDefault());
  root.querySelector("table").hidden = true;
  form.hidden = false;
  answer();
})();
