using System;

namespace VirtioGuest.Commands.Block;

/// <summary>Gives the content of sectors while a range of a disk is written.</summary>
public abstract class SectorSource
{
    /// <summary>Writes the content of the next part of the range, all of it.</summary>
    /// <param name="sector">The number of its first sector.</param>
    /// <param name="data">Where it goes; a multiple of 512 bytes.</param>
    /// <returns>Whether to write it; if not, this part and all others stay as they are.</returns>
    public abstract bool Fill(ulong sector, Span<byte> data);
}
