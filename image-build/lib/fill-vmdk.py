#!/usr/bin/python3
"""Fills an empty stream-optimized VMDK of qemu-img with the content of a raw disk.

  fill-vmdk.py RAW VMDK

qemu-img can convert, too, but zlib as it calls it makes the grains of 64 KiB 4 % larger than libdeflate does. Format: VMware's "Virtual Disk Format 5.0".
"""

import concurrent.futures
import ctypes
import os
import re
import struct
import sys
import threading

SECTOR = 512
LEVEL = 10
# Of the header: magic, version, flags, capacity, grain size, descriptor at, its size, entries of a table, redundant
# directory at, directory at, overhead; sizes and places are in sectors.
HEADER = struct.Struct('<4sIIQQQQIQQQ')
# Of a grain: its first sector on the disk, its bytes when compressed.
MARKER = struct.Struct('<QI')


class Compressor(threading.local):
    """libdeflate for one thread."""

    def __init__(self):
        self.library = ctypes.CDLL('libdeflate.so.0')
        self.library.libdeflate_alloc_compressor.restype = ctypes.c_void_p
        self.library.libdeflate_zlib_compress.restype = ctypes.c_size_t
        self.library.libdeflate_zlib_compress.argtypes = [
            ctypes.c_void_p,
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_char_p,
            ctypes.c_size_t,
        ]
        self.state = self.library.libdeflate_alloc_compressor(LEVEL)
        self.buffer = ctypes.create_string_buffer(1 << 18)

    def compress(self, data):
        size = self.library.libdeflate_zlib_compress(self.state, data, len(data), self.buffer, len(self.buffer))
        if size == 0:
            raise OSError('libdeflate has no room for a grain')
        return self.buffer.raw[:size]


def grains(raw, capacity, size):
    """Yields number and content of each grain that is not all zeros; the last one is filled up with them."""
    place = 0
    while place < capacity:
        try:
            place = os.lseek(raw, place, os.SEEK_DATA) // size * size
        except OSError:
            # Nothing but a hole is left.
            return
        data = os.pread(raw, size, place)
        if data.strip(b'\0'):
            yield place // size, data.ljust(size, b'\0')
        place += size


def settled(descriptor):
    """The descriptor with a content id of ours, as long as before: qemu draws it by lot, and writes no leading zeros of it. It only
    ties a disk to its snapshots."""
    text, count = re.subn(rb'(?m)^CID=[0-9a-f]{1,8}$', b'CID=63666e74', descriptor.rstrip(b'\0'))
    if count != 1:
        raise ValueError('no content id')
    if len(text) > len(descriptor):
        raise ValueError('no room for a content id')
    return text.ljust(len(descriptor), b'\0')


def main():
    raw_path, vmdk_path = sys.argv[1:]
    raw = os.open(raw_path, os.O_RDONLY)
    with open(vmdk_path, 'r+b') as vmdk:
        front = bytearray(vmdk.read())
        magic, _, _, capacity, grain, descriptor, descriptor_size, entries, redundant, directory, _ = (
            HEADER.unpack_from(front)
        )
        if magic != b'KDMV' or capacity * SECTOR < os.fstat(raw).st_size:
            sys.exit(f'fill-vmdk.py: {vmdk_path} is no VMDK for {raw_path}')
        place, end = descriptor * SECTOR, (descriptor + descriptor_size) * SECTOR
        try:
            front[place:end] = settled(bytes(front[place:end]))
        except ValueError as error:
            sys.exit(f'fill-vmdk.py: {error} in {vmdk_path}')
        front.extend(bytes(-len(front) % SECTOR))
        vmdk.seek(len(front))
        compressor = Compressor()
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for number, packed in packed_grains(pool, compressor, raw, capacity * SECTOR, grain * SECTOR):
                at = vmdk.tell()
                vmdk.write(
                    (MARKER.pack(number * grain, len(packed)) + packed).ljust(
                        -(-(MARKER.size + len(packed)) // SECTOR) * SECTOR, b'\0'
                    )
                )
                for each in (directory, redundant):
                    (table,) = struct.unpack_from('<I', front, each * SECTOR + number // entries * 4)
                    struct.pack_into('<I', front, table * SECTOR + number % entries * 4, at // SECTOR)
        vmdk.seek(0)
        vmdk.write(front)


def packed_grains(pool, compressor, raw, capacity, size):
    """The grains, compressed, in their order; a few hundred are in memory at a time."""
    waiting = []
    for number, data in grains(raw, capacity, size):
        waiting.append((number, pool.submit(compressor.compress, data)))
        if len(waiting) > 256:
            first, future = waiting.pop(0)
            yield first, future.result()
    for number, future in waiting:
        yield number, future.result()


main()
