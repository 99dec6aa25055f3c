"""Which faiss, built how, over which BLAS."""
import json
import faiss
print(json.dumps({'version': faiss.__version__, 'options': faiss.get_compile_options().strip()}))
