using System;

namespace VirtioGuest.Commands.Block;

/// <summary>Looks at sectors while a range of a disk is read.</summary>
public abstract class SectorVisitor
{
    /// <summary>Looks at the next part of the range.</summary>
    /// <param name="sector">The number of its first sector.</param>
    /// <param name="data">Its content, until the call returns; a multiple of 512 bytes.</param>
    /// <returns>Whether to go on.</returns>
    public abstract bool Visit(ulong sector, ReadOnlySpan<byte> data);
}
