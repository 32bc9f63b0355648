"""How far apart are two models, are they related, and what was changed between them?"""

import provcheck
from provcheck.io import data

# Hub ids, folders and measurement files all work; these two ship.
tuned, quantized = (data.demo_subjects()[name] for name in ("llama-tech-s1-sft-short", "llama-tech-s1-4bit"))

# The weights alone: seconds instead of minutes. Without `signals` the models are also run.
quick = provcheck.ModelOptions(signals=("weights",))

# One number, as a report orders its references by it: 0 is the same, about 1 has nothing in common.
print(f"distance {provcheck.distance(tuned, quantized, quick).value:.3f}")

# The pair was named beforehand, so it is judged as one hypothesis.
pair = provcheck.judge_pair(tuned, quantized, options=quick)
(other,) = pair.opponents
print(f"{pair.subject.id} and {other.subject.id}: {pair.verdict.relation}")
print(f"p-value {other.comparison.p_value:.6f}")

# What was changed is read off the weights, and named only where the judge calls the two related.
if isinstance(other.changes, provcheck.NotMeasured):
    print("changes not measured:", other.changes.not_measured)
else:
    print("mechanism:", other.changes.mechanism)

# A measurement is kept as a file and compared later, without the model.
measurement = provcheck.measure_model(tuned, quick)
provcheck.save_measurement(measurement, "tuned.safetensors")
print(f"again {provcheck.distance('tuned.safetensors', quantized, quick).value:.3f}")
for signal, sketch in provcheck.load_measurement("tuned.safetensors").sketches.items():
    print(signal, {name: array.shape for name, array in sketch.arrays.items()})
