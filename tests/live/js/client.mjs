// Ollama's client for JavaScript against a server: node client.mjs URL FOLDER
// FOLDER holds node_modules with the client. The server has SmolLM2-135M and one slot.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'

const [url, folder] = process.argv.slice(2)
const { Ollama } = createRequire(`${folder}/`)('ollama')
const ollama = new Ollama({ host: url })

const model = 'smollm2:135m'
const messages = [{ role: 'user', content: 'Name the capital of France.' }]
const answer = 'The capital of France is Paris.'
const options = { temperature: 0, num_predict: 16, num_ctx: 1024 }

async function partsOf(stream) {
  const parts = []
  for await (const part of stream) parts.push(part)
  return parts
}

test('models are listed and shown', async () => {
  const { models } = await ollama.list()
  assert.deepEqual(models.map(each => each.name), [model])
  const shown = await ollama.show({ model })
  assert.deepEqual(shown.capabilities, ['completion'])
  assert.equal(shown.details.family, 'llama')
  assert.equal(shown.model_info['llama.embedding_length'], 576)
})

test('a chat comes whole and in parts', async () => {
  const whole = await ollama.chat({ model, messages, options })
  assert.equal(whole.message.content, answer)
  assert.equal(whole.done_reason, 'stop')
  const parts = await partsOf(await ollama.chat({ model, messages, options, stream: true }))
  assert.equal(parts.map(part => part.message.content).join(''), answer)
  assert.equal(parts.at(-1).done, true)
  assert.equal(parts.at(-1).eval_count, whole.eval_count)
  assert.ok(parts.length > 3)
})

test('a format is held to', async () => {
  const format = { type: 'object', properties: { age: { type: 'integer' } }, required: ['age'] }
  const { message } = await ollama.chat({ model, messages, format, options: { ...options, num_predict: 60 } })
  assert.equal(typeof JSON.parse(message.content).age, 'number')
})

test('a text is generated, and gone on with', async () => {
  const first = await ollama.generate({ model, prompt: messages[0].content, options })
  assert.equal(first.response, answer)
  const { context } = await ollama.generate({ model, prompt: 'And of Spain?', context: first.context, options })
  assert.deepEqual(context.slice(0, first.context.length), first.context)
  const stream = await ollama.generate({ model, prompt: messages[0].content, options, stream: true })
  assert.equal((await partsOf(stream)).map(part => part.response).join(''), answer)
})

test('loaded models are told', async () => {
  const { models } = await ollama.ps()
  assert.deepEqual(models.map(each => each.name), [model])
  assert.ok(new Date(models[0].expires_at) > new Date())
  assert.equal(models[0].size_vram, 0)
})

test('texts become vectors', async () => {
  const { embeddings } = await ollama.embed({ model, input: ['a', 'b'], options: { num_ctx: 1024 } })
  assert.deepEqual(embeddings.map(vector => vector.length), [576, 576])
  assert.equal((await ollama.embeddings({ model, prompt: 'a' })).embedding.length, 576)
})

test('a model that is here is pulled at once', async () => {
  const parts = await partsOf(await ollama.pull({ model, stream: true }))
  assert.equal(parts.at(-1).status, 'success')
})

test('models are made, copied and deleted', async () => {
  const made = await ollama.create({
    model: 'pirate', from: model, system: 'You are a pirate.', parameters: { temperature: 0, stop: ['Ahoy'] },
    messages: [{ role: 'user', content: 'Hi' }, { role: 'assistant', content: 'Arr' }], stream: true,
  })
  assert.equal((await partsOf(made)).at(-1).status, 'success')
  assert.match((await ollama.show({ model: 'pirate' })).parameters, /temperature\s+0/)
  assert.equal((await ollama.copy({ source: 'pirate', destination: 'sailor' })).status, 'success')
  for (const name of ['pirate', 'sailor']) assert.equal((await ollama.delete({ model: name })).status, 'success')
  assert.equal((await ollama.list()).models.length, 1)
})

test('errors have their status and words', async () => {
  const isMissing = { name: 'ResponseError', status_code: 404, error: "model 'nope' not found" }
  await assert.rejects(ollama.generate({ model: 'nope', prompt: 'x' }), isMissing)
  await assert.rejects(ollama.chat({ model: 'nope', messages, stream: true }), isMissing)
  await assert.rejects(ollama.show({ model: 'nope' }), { status_code: 404 })
  await assert.rejects(ollama.delete({ model: 'nope' }), { status_code: 404 })
  await assert.rejects(ollama.chat({ model, messages, think: true }), { status_code: 400 })
  await assert.rejects(ollama.chat({ model, messages, tools: [{ type: 'function', function: { name: 'f' } }] }), {
    status_code: 400,
  })
})

// There is one slot: whoever comes next waits for as long as an earlier answer goes on.
for (const [what, abort] of [
  ['the client', (client, _) => client.abort()],
  ['the stream', (_, stream) => stream.abort()],
]) {
  test(`abort() of ${what} ends the generation`, { timeout: 60_000 }, async () => {
    const client = new Ollama({ host: url })
    const endless = { temperature: 0, num_predict: 50_000, num_ctx: 8192, stop: [] }
    const stream = await client.generate({ model, prompt: 'one two one two', raw: true, options: endless, stream: true })
    let count = 0
    await assert.rejects(
      async () => {
        for await (const _ of stream) if (++count === 3) abort(client, stream)
      },
      { name: 'AbortError' },
    )
    assert.equal((await ollama.chat({ model, messages, options })).message.content, answer)
  })
}

test('a model is unloaded', async () => {
  assert.equal((await ollama.generate({ model, prompt: '', keep_alive: 0 })).done_reason, 'unload')
})
