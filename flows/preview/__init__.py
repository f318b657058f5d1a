"""A newsletter as its readers will see it, before there is an issue: nothing is archived or sent.

draft    a notebook run on a document: the mail and the page that would come of it
frames   how both are shown: in frames that run nothing, at two widths, light and dark
lab      for `desk.preview` and `desk.documents`, in JupyterLab
history  documents of the past, from the archive
watch    for `gridletter preview`: runs a notebook whenever it is saved
server   shows what came of it in the browser, on loopback
"""
