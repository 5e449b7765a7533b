/** A value that React can watch. */
export class Store<Value> {
  #value: Value;
  readonly #listeners = new Set<() => void>();

  constructor(readonly initial: Value) {
    this.#value = initial;
  }

  get value(): Value {
    return this.#value;
  }

  update(change: Partial<Value>): void {
    this.#value = { ...this.#value, ...change };
    for (const listener of this.#listeners) listener();
  }

  readonly snapshot = (): Value => this.#value;
  readonly initialSnapshot = (): Value => this.initial;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  };
}
