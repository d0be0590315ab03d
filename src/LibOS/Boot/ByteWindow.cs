using VirtioGuest.LibOS.Memory;

namespace VirtioGuest.LibOS.Boot;

/// <summary>
/// A run of bytes that somebody else wrote, read little-endian by offset: a read that leaves the run gives 0 and
/// touches nothing, so a table that lies about its lengths leads to wrong values at worst.
/// </summary>
internal readonly unsafe struct ByteWindow
{
    private readonly byte* _start;
    private readonly ulong _length;

    private ByteWindow(byte* start, ulong length)
    {
        _start = start;
        _length = length;
    }

    /// <summary>The number of bytes.</summary>
    public ulong Length => _length;

    /// <summary>A window on memory that LibOS owns.</summary>
    public static ByteWindow Over(byte* start, ulong length) => new ByteWindow(start, length);

    /// <summary>Opens a window on physical memory.</summary>
    /// <returns>False where the range is at 0 or not wholly mapped at boot; the window is empty then.</returns>
    public static bool TryOpen(ulong physical, ulong length, out ByteWindow window)
    {
        if (physical == 0 || physical >= PhysicalMemory.MappedAtBoot || length > PhysicalMemory.MappedAtBoot - physical)
        {
            window = new ByteWindow(null, 0);
            return false;
        }

        window = new ByteWindow(PhysicalMemory.At(physical), length);
        return true;
    }

    /// <summary>Whether a range lies within the window.</summary>
    public bool Has(ulong offset, ulong count) => offset <= _length && count <= _length - offset;

    /// <summary>A part of the window; empty where the range leaves it.</summary>
    public ByteWindow Part(ulong offset, ulong count) =>
        Has(offset, count) ? new ByteWindow(_start + offset, count) : new ByteWindow(_start, 0);

    /// <summary>Reads 8 bits.</summary>
    public byte Load8(ulong offset) => Has(offset, 1) ? _start[offset] : (byte)0;

    /// <summary>Reads 16 bits.</summary>
    public ushort Load16(ulong offset) => Has(offset, 2) ? *(ushort*)(_start + offset) : (ushort)0;

    /// <summary>Reads 32 bits.</summary>
    public uint Load32(ulong offset) => Has(offset, 4) ? *(uint*)(_start + offset) : 0;

    /// <summary>Reads 64 bits.</summary>
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
