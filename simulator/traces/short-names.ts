/** Shortens hashes to as many first characters as tell them apart. */

const PREFIX_MIN = 8;

/** How many first characters tell all names apart; names are hashes, so few do. */
function prefixLength(names: ReadonlySet<string>): number {
  let longest = 0;
  for (const name of names) longest = Math.max(longest, name.length);
  for (let length = PREFIX_MIN; length < longest; length++) {
    const short = new Set<string>();
    for (const name of names) short.add(name.slice(0, length));
    if (short.size === names.size) return length;
  }
  return longest;
}

/** Collects names of the form `app/function` and shortens both parts. */
export class AppFunctionNames {
  readonly #apps = new Set<string>();
  readonly #functions = new Set<string>();

  /** The two as one name, to be shortened when all are known. */
  add(app: string, functionName: string): string {
    this.#apps.add(app);
    this.#functions.add(functionName);
    return `${app}/${functionName}`;
  }

  shortener(): (name: string) => string {
    const appLength = prefixLength(this.#apps);
    const functionLength = prefixLength(this.#functions);
    return (name) => {
      const slash = name.indexOf('/');
      return `${name.slice(0, slash).slice(0, appLength)}/${name.slice(slash + 1).slice(0, functionLength)}`;
    };
  }
}
