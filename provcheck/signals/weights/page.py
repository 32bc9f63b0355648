COLUMNS=()
GLOSSARY={}
def reasons(v,r): return ()
def figures(r,n): return []
