"""NIH ChestX-ray14 on its publisher's server: the twelve archives of pictures, and the table.

The addresses are those of batch_download_zips.py, the MD5s those of FAQ_CHESTXRAY.pdf, question 7; both lie beside the
archives at https://nihcc.app.box.com/v/ChestXray-NIHCC. The sizes are the server's.
"""

from __future__ import annotations

from thaw.fetch.remote import RemoteFile

# number: name on the server, MD5, size in bytes
_ARCHIVES = {
    1: ("vfk49d74nhbxq3nqjg0900w5nvkorp5c", "fe8ed0a6961412fddcbb3603c11b3698", 2_008_470_987),
    2: ("i28rlmbvmfjbl8p2n3ril0pptcmcu9d1", "ab07a2d7cbe6f65ddd97b4ed7bde10bf", 3_952_623_504),
    3: ("f1t00wrtdk94satdfb9olcolqx20z2jp", "2301d03bde4c246388bad3876965d574", 3_929_234_850),
    4: ("0aowwzs5lhjrceb3qp67ahp0rd1l1etg", "9f1b7f5aae01b13f4bc8e2c44a4b8ef6", 3_838_903_983),
    5: ("v5e3goj22zr6h8tzualxfsqlqaygfbsn", "1861f3cd0ef7734df8104f2b0309023b", 3_935_496_531),
    6: ("asi7ikud9jwnkrnkj99jnpfkjdes7l6l", "456b53a8b351afd92a35bc41444c58c8", 3_986_301_172),
    7: ("jn1b4mw4n6lnh74ovmcjb8y48h8xj07n", "1075121ea20a137b87f290d6a4a5965e", 4_016_328_426),
    8: ("tvpxmn7qyrgl0w8wfh9kqfjskv6nmm1j", "b61f34cec3aa69f295fbb593cbd9d443", 4_018_347_353),
    9: ("upyy3ml7qdumlgk2rfcvlb9k6gvqq2pj", "442a3caa61ae9b64e61c561294d1e183", 4_111_327_929),
    10: ("l6nilvfa9cg3s28tqv1qc1olm3gnz54p", "09ec81c4c31e32858ad8cf965c494b74", 4_181_556_296),
    11: ("hhq8fkdgvcari67vfhs7ppg2w6ni4jze", "499aefc67207a5a97692424cf5dbeed5", 4_187_084_020),
    12: ("ioqwiy20ihqwyr8pf4c24eazhh281pbu", "dc9fda1757c2de0032b63347a7d2895c", 2_914_187_733),
}
# NIH gives the table no address that a program can fetch; this is a copy of it, gzipped
_TABLE = RemoteFile(
    "https://raw.githubusercontent.com/mlmed/torchxrayvision/8ef884614164d54e2660947241ab0276b29526e9/torchxrayvision/data/Data_Entry_2017_v2020.csv.gz",
    "Data_Entry_2017_v2020.csv.gz",
    "sha256:9d4de640ee4f760215d8be98376b20387ca52f9c6b4d1b727cb588fb82f40b80",
    None,
)

NIH_FILES: tuple[RemoteFile, ...] = (
    _TABLE,
    *(
        RemoteFile(f"https://nihcc.box.com/shared/static/{key}.gz", f"images_{number:03d}.tar.gz", f"md5:{md5}", size)
        for number, (key, md5, size) in _ARCHIVES.items()
    ),
)
