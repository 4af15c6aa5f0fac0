"""`export` of a graph that was imported and not run since silently writes a file without parameters.

Covers: mxnet.export process/resave
"""

import mxnet as mx

mx.npx.set_np()
net = mx.gluon.nn.Dense(2)
net.initialize()
net.hybridize()
saved = net(mx.np.ones((1, 3)))
net.export("first")
mx.gluon.SymbolBlock.imports("first-symbol.json", ["data"], "first-0000.params").export("second")
again = mx.gluon.SymbolBlock.imports("second-symbol.json", ["data"], "second-0000.params")
loaded = again(mx.np.ones((1, 3)))
assert (loaded == saved).all(), f"saved model returned {saved}, loaded model returned {loaded}"
