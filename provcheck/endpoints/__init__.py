"""Model endpoints: servers that run a model and tell the log-probabilities of the tokens of a prompt.

address          `https://host/v1#model`: where it is, and which model is meant
client           requests: counted, bounded, tried again, never with the key to another host
scored           what a server told of one text, and whether it can be believed
echo             OpenAI's completions with `echo` and `logprobs`: vLLM, Together, llama-cpp-python and others
prompt_logprobs  vLLM's own `prompt_logprobs`
generate         SGLang's `/generate`
greeting         which of these a server speaks, and whether its numbers agree with one another

A server is untrusted: it may send too much, too slowly, nonsense, or numbers that it made up. What it sends is data.
"""
