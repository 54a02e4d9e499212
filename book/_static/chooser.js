// The chooser's behaviour; its rules and numbers come with the page, from book/chooser.py.
(() => {
  const root = document.currentScript.previousElementSibling;
  const { rules, evidence, labels } = JSON.parse(root.querySelector("script").textContent);
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

  const coverage = (rule, varies, groups, rows) => {
    if (!rule.simulated) return "This book has no simulation of such data.";
    const [near] = [...evidence[varies]].sort(
      (a, b) => distance(a, groups, rows) - distance(b, groups, rows),
    );
    const others = ["mlm_intercept", "cluster_robust"].filter((one) => one !== rule.strategy);
    const said = [rule.strategy, others.find((one) => one in near.coverage)].map((strategy) => {
      const [rate, mcse] = near.coverage[strategy].map((value) => value.toFixed(1));
      return `${rate} % (Monte Carlo standard error ${mcse}) by ${labels[strategy]}`;
    });
    return (
      `Nearest simulated study: ${near.groups} people, ${near.rows} rows each, slopes that differ ` +
      `with an SD of ${near.slope_sd} where the noise has 1. There 95 % intervals held the truth ` +
      `in ${said.join(", and in ")}.`
    );
  };

  const code = (title, text) => {
    const part = document.createElement("div");
    part.append(make("strong", title), make("pre", text || "has no such model"));
    part.querySelector("pre").tabIndex = 0; // so that a long line can be scrolled by keyboard
    return part;
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
        one.varies.includes(form.varies.value) && one.repeats.includes(form.repeats.value) &&
        within(groups, one.groups) && within(rows, one.rows),
    );
    const use = rule.strategy ? labels[rule.strategy] : "A model with two kinds of groups";
    output.append(
      make("p", `Use: ${use}`, "chooser-use"),
      code("mlmlearn", rule.mlmlearn),
      code("lme4 (R)", rule.lme4),
      code("statsmodels", rule.statsmodels),
      make("p", `Beware: ${rule.caution}`),
      make("p", coverage(rule, form.varies.value, groups, rows)),
      make("p", `For the paper: ${rule.paper}`),
    );
  };

  form.addEventListener("input", answer);
  form.addEventListener("submit", (event) => event.preventDefault());
  root.querySelector("table").hidden = true;
  form.hidden = false;
  answer();
})();
