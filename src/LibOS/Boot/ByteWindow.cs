using VirtioGuest.LibOS.Memory;

namespace VirtioGuest.LibOS.Boot;

/// <summary>
/// Bytes that somebody else wrote, read little-endian by offset. A read that leaves the window gives 0 and touches
/// nothing, so a table that lies about its lengths leads to wrong values at worst.
/// </summary>
internal readonly unsafe struct ByteWindow
{
    private const ulong ExtendedBiosSegment = 0x40E;
    private const ulong LowMemoryEnd = 0xA_0000;
    private const ulong Kilobyte = 1024;

    private readonly byte* _start;
    private readonly ulong _length;

    private ByteWindow(byte* start, ulong length)
    {
        _start = start;
        _length = length;
    }

    public ulong Length => _length;

    /// <summary>A window on memory that LibOS owns.</summary>
    public static ByteWindow Over(byte* start, ulong length) => new(start, length);

    /// <summary>Opens a window on physical memory.</summary>
    /// <returns>False where the range is at 0 or not wholly mapped at boot; the window is empty then.</returns>
    public static bool TryOpen(ulong physical, ulong length, out ByteWindow window)
    {
        if (physical == 0 || physical >= PhysicalMemory.MappedAtBoot || length > PhysicalMemory.MappedAtBoot - physical)
        {
            window = new(null, 0);
            return false;
        }

        window = new(PhysicalMemory.At(physical), length);
        return true;
    }

    /// <summary>
    /// Opens the first kilobyte of the extended BIOS data area, where a PC's firmware may keep pointers to its tables.
    /// </summary>
    /// <returns>False where no area is named; the window is empty then.</returns>
    public static bool TryOpenExtendedBiosData(out ByteWindow window)
    {
        TryOpen(ExtendedBiosSegment, 2, out ByteWindow segment);
        var start = (ulong)segment.Load16(0) << 4;
        bool isPlausible = start > ExtendedBiosSegment && start <= LowMemoryEnd - Kilobyte;
        return TryOpen(isPlausible ? start : 0, Kilobyte, out window);
    }

    public bool Has(ulong offset, ulong count) => offset <= _length && count <= _length - offset;

    /// <summary>A part of the window; empty where the range leaves it.</summary>
    public ByteWindow Part(ulong offset, ulong count) =>
        Has(offset, count) ? new(_start + offset, count) : new(_start, 0);

    public byte Load8(ulong offset) => Has(offset, 1) ? _start[offset] : (byte)0;
    public ushort Load16(ulong offset) => Has(offset, 2) ? *(ushort*)(_start + offset) : (ushort)0;
    public uint Load32(ulong offset) => Has(offset, 4) ? *(uint*)(_start + offset) : 0;
    public ulong Load64(ulong offset) => Has(offset, 8) ? *(ulong*)(_start + offset) : 0;

    /// <summary>The sum of the first bytes modulo 256: 0 in a table whose checksum is right.</summary>
    public byte Sum(ulong count)
    {
        uint sum = 0;
        for (ulong offset = 0; offset < count && offset < _length; offset++)
        {
            sum += _start[offset];
        }

        return (byte)sum;
    }
}
