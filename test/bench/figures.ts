/** What one run of one engine gives, and how its figures are shown and compared. */
import type { Contender } from './contender.ts';

/** By the keys of the experiment's columns. A figure that could not be taken is absent. */
export type Figures = Record<string, number>;

export interface Column {
  key: string;
  title: string;
  digits: number;
  better: 'more' | 'less';
}

export interface Pace {
  isQuick: boolean;
  /** Of one TCP measurement. */
  tcpSeconds: number;
  pings: number;
  udp: { seconds: number; from: number; steps: number };
  idleSeconds: number;
  handshakesEach: number;
  flood: { seconds: number; turns: number };
  hubSeconds: number;
}

export interface Experiment {
  /** For `--only`. */
  id: string;
  title: string;
  columns: Column[];
  /** Which of the others are worth their time in a quick run; our own always are. */
  quickPeers: string[];
  /** Without: every engine. */
  takesPart?: (contender: Contender) => boolean;
  run(contender: Contender, pace: Pace): Promise<Figures>;
}

export interface Result {
  experiment: string;
  contender: string;
  round: number;
  figures: Figures;
}

export const unhurried: Pace = {
  isQuick: false,
  tcpSeconds: 4,
  pings: 300,
  udp: { seconds: 2, from: 200, steps: 4 },
  idleSeconds: 5,
  handshakesEach: 15,
  flood: { seconds: 2, turns: 6 },
  hubSeconds: 4,
};

export const quick: Pace = {
  isQuick: true,
  tcpSeconds: 1,
  pings: 50,
  udp: { seconds: 1, from: 400, steps: 2 },
  idleSeconds: 1,
  handshakesEach: 4,
  flood: { seconds: 1, turns: 1 },
  hubSeconds: 1,
};
