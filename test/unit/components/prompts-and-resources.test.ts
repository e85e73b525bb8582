import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import {
  assistantMessage,
  createServer,
  param,
  prompt,
  resource,
  text,
  tool,
  type PromptReturn,
} from '../../../src/index.js';
import { ResourceAddress } from '../../../src/components/resource-address.js';
import { compilePromptOutput } from '../../../src/components/results/prompt-output.js';
import { compileResourceOutput } from '../../../src/components/results/resource-output.js';
import { refusalOf, rejectionOf } from '../../helpers/thrown.js';
import { refused } from './refused.js';

describe('a prompt is refused', () => {
  it('when an argument cannot be written as text', () => {
    class Prompts {
      @prompt({ input: z.object({ deep: z.object({ more: z.string() }) }) })
      run({ deep }: { deep: { more: string } }) {
        return deep.more;
      }
    }
    expect(refused(Prompts)).toEqual({
      code: 'SCHEMA_UNSUPPORTED',
      message:
        'Prompts.run: input: \'deep\' is "object", but prompt arguments travel as text. Use text, numbers, booleans, lists of these, or z.codec() from a string.',
    });
    class Lists {
      @prompt()
      run(@param('all', z.array(z.object({}))) all: object[]) {
        return `${all.length}`;
      }
    }
    expect(refused(Lists)).toMatchObject({ message: expect.stringContaining('\'all\' is "array"') });
  });

  it('when another prompt has its name', () => {
    class One {
      @prompt()
      run() {
        return 'one';
      }
    }
    class Two {
      @prompt()
      run() {
        return 'two';
      }
    }
    expect(refused(One, Two)).toEqual({
      code: 'COMPONENT_DUPLICATE',
      message: "One.run and Two.run are both named 'run'. Set `name` on one of them.",
    });
  });
});

describe('a resource is refused', () => {
  it('when its URI has no scheme or is a malformed template', () => {
    class NoScheme {
      @resource('reports/today')
      run() {
        return '';
      }
    }
    expect(refused(NoScheme)).toEqual({
      code: 'COMPONENT_INVALID',
      message: 'NoScheme.run: the URI "reports/today" has no scheme. Add one, as in \'reports://{quarter}\'.',
    });
    class Unclosed {
      @resource('reports://{quarter}/{day')
      run() {
        return '';
      }
    }
    expect(refused(Unclosed)).toMatchObject({
      code: 'COMPONENT_INVALID',
      message: expect.stringMatching(
        /^Unclosed\.run: the URI template "reports:\/\/\{quarter\}\/\{day" cannot be read: /,
      ),
    });
  });

  it('when the method takes an argument that its URI does not supply', () => {
    class Reports {
      @resource('reports://{quarter}')
      run(@param('year', z.string()) year: string) {
        return year;
      }
    }
    expect(refused(Reports)).toEqual({
      code: 'COMPONENT_INVALID',
      message:
        'Reports.run: the method takes \'year\', but "reports://{quarter}" has no such variable. Add {year} to the URI.',
    });
  });

  it('when another resource has its URI', () => {
    class One {
      @resource('reports://all')
      one() {
        return '';
      }
    }
    class Two {
      @resource('reports://all')
      two() {
        return '';
      }
    }
    expect(refused(One, Two)).toEqual({
      code: 'COMPONENT_DUPLICATE',
      message: "One.one and Two.two are both at 'reports://all'. Give one of them another URI.",
    });
  });
});

it('tools, prompts and resources may share a name', () => {
  class All {
    @prompt({ name: 'report' })
    asPrompt() {
      return 'prompt';
    }

    @tool({ name: 'report' })
    asTool() {
      return 'tool';
    }

    @resource('reports://one', { name: 'report' })
    asResource() {
      return 'resource';
    }
  }
  expect(refused(All)).toMatchObject({ code: 'NOTHING' });
});

it('only tools and jobs can be added to the docket', async () => {
  class Prompts {
    @prompt({ task: 'optional' })
    run() {
      return 'prompt';
    }
  }
  const server = createServer({ name: 'test', version: '1', components: [Prompts] });
  expect(await rejectionOf(server.docket.add(Prompts, 'run'))).toEqual({
    code: 'COMPONENT_INVALID',
    message:
      'Prompts.run is a prompt, which only clients can request. Make it a job or a tool to add it to the docket.',
  });
  await server.close();
});

describe('the address of a resource', () => {
  it.each([
    ['reports://{quarter}', 'reports://2026-Q3', { quarter: '2026-Q3' }],
    ['reports://{quarter}', 'reports://a%2Fb%20c', { quarter: 'a/b c' }],
    ['reports://{quarter}', 'reports://a/b', undefined],
    ['reports://{quarter}', 'reports://', undefined],
    ['reports://{+path}', 'reports://a/b', { path: 'a/b' }],
    ['reports://{year}/{month}', 'reports://2026/11', { year: '2026', month: '11' }],
    ['reports://all{?from,to}', 'reports://all?from=1&to=2', { from: '1', to: '2' }],
    ['reports://{quarter}', 'reports://%E0%A4%A', undefined],
    ['reports://all', 'reports://all', {}],
    ['reports://all', 'REPORTS://ALL', undefined],
  ])('%s at %s', (address, uri, variables) => {
    expect(new ResourceAddress(address, 'test').match(uri)).toEqual(variables);
  });

  it('does not confuse a variable with an inherited property', () => {
    const address = new ResourceAddress('x://{__proto__}', 'test');
    const found = address.match('x://evil');
    expect(Object.getPrototypeOf(found)).toBe(Object.prototype);
    expect(({} as { evil?: unknown }).evil).toBeUndefined();
  });
});

describe('the return value of a prompt', () => {
  const output = compilePromptOutput(undefined, 'Prompts.run');
  const messagesOf = (value: PromptReturn): unknown => output.toResult(value, {});

  it('becomes messages, of the user by default', () => {
    expect(messagesOf(['one', text('two'), assistantMessage('three')])).toEqual({
      messages: [
        { role: 'user', content: { type: 'text', text: 'one' } },
        { role: 'user', content: { type: 'text', text: 'two' } },
        { role: 'assistant', content: { type: 'text', text: 'three' } },
      ],
    });
    expect(messagesOf([])).toEqual({ messages: [] });
  });

  it('is never guessed from its shape', () => {
    for (const value of [undefined, null, 7, { role: 'user', content: { type: 'text', text: 'data' } }, [['nested']]]) {
      expect(refusalOf(() => messagesOf(value as never))).toMatchObject({ code: 'OUTPUT_INVALID' });
    }
  });
});

describe('the return value of a resource', () => {
  const output = compileResourceOutput(undefined, 'Reports.run');
  const contentsOf = (value: unknown): unknown => output.toResult(value, { uri: 'x://y' });

  it('is data unless it was made by file()', () => {
    const data = { uri: 'x://other', text: 'data' };
    expect(contentsOf(data)).toEqual({
      contents: [{ uri: 'x://y', mimeType: 'application/json', text: JSON.stringify(data) }],
    });
    expect(contentsOf(null)).toEqual({ contents: [{ uri: 'x://y', mimeType: 'application/json', text: 'null' }] });
  });

  it('must not be empty', () => {
    expect(refusalOf(() => contentsOf(undefined))).toEqual({
      code: 'OUTPUT_INVALID',
      message: 'Reports.run returned nothing. Return text, bytes, data or file(…).',
    });
    expect(refusalOf(() => contentsOf([text('no file')]))).toMatchObject({
      code: 'OUTPUT_INVALID',
      message: expect.stringContaining("content of type 'text'"),
    });
  });
});
