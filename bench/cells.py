"""The cells that both kinds of session run."""

PRINT = "print(1)"
PLOT = """\
import numpy as np
import matplotlib.pyplot as plt
plt.plot(np.sin(np.linspace(0, 6, 100)))
plt.title("sine")
plt.show()
"""
