"""Which models of a bank are alike? Its distances as a matrix, its tree and its map as figures."""

import numpy as np

import provcheck

bank = provcheck.load_bank("zoo-v2")
print(f"{bank.manifest.name}: {len(bank.references)} references")

# (M, M) distances, by which a report orders its references; one signal alone with `signal="able"`.
distances = provcheck.distance_matrix(bank)
print(f"{len(distances)} x {len(distances)} distances by {distances.title}")

# The nearest neighbour of each model, and how often it is of the same family.
apart = distances.values + np.diag(np.full(len(distances), np.inf))
nearest = apart.argmin(axis=1)
kin = [distances.families[one] == distances.families[other] for one, other in enumerate(nearest)]
print(f"nearest neighbour of the same family: {np.mean(kin):.0%}")

# pandas: `pip install 'provcheck[frames]'`.
print(distances.to_frame().loc["zoo/llama-tech-s1"].nsmallest(4).round(3).to_string())

# matplotlib figures: in a notebook they show themselves, `savefig` writes PNG, PDF or SVG.
provcheck.plot_tree(bank).savefig("tree.png")
provcheck.plot_map(bank).savefig("map.pdf")
print("wrote tree.png and map.pdf")
