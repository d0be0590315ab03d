using System;

namespace VirtioGuest.Commands.Block;

/// <summary>Gives the content of sectors while a range of a disk is written.</summary>
public abstract class SectorSource
{
    /// <summary>Writes the content of the next part of the range, all of it.</summary>
    /// <param name="sector">The number of its first sector.</param>
    /// <param name="data">Where it goes; a multiple of 512 bytes.</param>
    public abstract void Fill(ulong sector, Span<byte> data);
}
