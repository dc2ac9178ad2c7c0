declare module 'seedrandom/lib/tychei.js' {
  namespace tychei {
    interface State {
      a: number;
      b: number;
      c: number;
      d: number;
    }
    interface PRNG {
      (): number;
      /** 53-bit uniform in (0, 1). */
      double(): number;
      int32(): number;
      state(): State;
    }
  }
  function tychei(seed: string, options: { state: boolean | tychei.State }): tychei.PRNG;
  export = tychei;
}
