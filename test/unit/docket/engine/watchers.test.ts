import { describe, expect, it } from '@jest/globals';
import type { EngineEvent } from '../../../../src/docket/engine/engine.js';
import { newRecord } from '../../../../src/docket/engine/new-record.js';
import { Watchers } from '../../../../src/docket/engine/watchers.js';
import { anExecution } from '../../../engine/contract/stage.js';
import { settled } from '../../../helpers/fake-clock.js';

function anEvent(key: string, session?: string): EngineEvent {
  return { type: 'state', record: newRecord({ ...anExecution(key), ...(session && { session }) }, 0, 1) };
}

describe('Watchers', () => {
  it('reports what a listener throws, each time, and goes on', async () => {
    const reported: unknown[] = [];
    const heard: string[] = [];
    const watchers = new Watchers((error) => reported.push(error));
    const fault = new Error('a listener of the test');
    watchers.add({ key: 'a' }, () => {
      throw fault;
    });
    watchers.add({ key: 'a' }, (event) => heard.push(event.record.key));
    watchers.emit(anEvent('a'));
    watchers.emit(anEvent('a'));
    await settled();
    expect(reported).toEqual([fault, fault]);
    expect(heard).toEqual(['a', 'a']);
  });

  it('also delivers events in order that listeners cause', async () => {
    const watchers = new Watchers(() => undefined);
    const heard: string[] = [];
    watchers.add({ session: 's' }, (event) => {
      heard.push(event.record.key);
      if (event.record.key === 'first') watchers.emit(anEvent('set-off', 's'));
    });
    watchers.emit(anEvent('first', 's'));
    watchers.emit(anEvent('second', 's'));
    expect(heard).toEqual([]);
    await settled();
    expect(heard).toEqual(['first', 'second', 'set-off']);
  });

  it('delivers nothing after a watch has stopped, and nothing from before it began', async () => {
    const watchers = new Watchers(() => undefined);
    const heard: string[] = [];
    const stop = watchers.add({ key: 'a' }, () => heard.push('stopped'));
    watchers.emit(anEvent('a'));
    watchers.add({ key: 'a' }, () => heard.push('came later'));
    stop();
    await settled();
    expect(heard).toEqual([]);
  });

  it('keeps nothing of stopped watches', () => {
    const watchers = new Watchers(() => undefined);
    const stops = Array.from({ length: 100 }, (_, index) => [
      watchers.add({ key: `k${index}` }, () => undefined),
      watchers.add({ key: `k${index}` }, () => undefined),
      watchers.add({ session: `s${index}` }, () => undefined),
    ]).flat();
    expect(watchers.size).toBe(200);
    for (const stop of stops) stop();
    expect(watchers.size).toBe(0);
    // A stop that comes late must not stop the next watcher of the same key.
    watchers.add({ key: 'k1' }, () => undefined);
    for (const stop of stops) stop();
    expect(watchers.size).toBe(1);
  });
});
