// What the address of a page says of its pictures, as #name=value&name=value. Another value puts no
// new entry into the history.

export function readAddress() {
  const said = new URLSearchParams(location.hash.slice(1));
  // A link to a heading is a name without a value.
  for (const [name, value] of [...said]) if (!value) said.delete(name);
  return said;
}

export const asAddress = (said) => `#${said.toString().replaceAll("%2C", ",")}`;

export function writeAddress(patch) {
  const said = readAddress();
  for (const [name, value] of Object.entries(patch)) said.set(name, value);
  history.replaceState(null, "", asAddress(said));
}

// Let a picture's numbers be read from the address, now and when it changes; return what writes them.
// `apply` is told as many numbers as there are, which it has to judge.
export function keptNumbers(name, apply) {
  const read = () => {
    const said = readAddress().get(name);
    const numbers = (said ?? "").split(",").map(Number);
    if (said && numbers.every(Number.isFinite)) apply(numbers);
  };
  addEventListener("hashchange", read);
  read();
  return (numbers) => writeAddress({ [name]: numbers.map((one) => Number(one.toFixed(3))).join(",") });
}
