namespace VirtioGuest.Kernel.Machine;

/// <summary>Where the program's memory is in physical memory.</summary>
internal abstract unsafe class AddressTranslation
{
    /// <summary>Finds a byte.</summary>
    /// <param name="address">Where the processor sees it.</param>
    /// <param name="length">How many bytes from there on matter, at least 1.</param>
    /// <param name="physicalAddress">Where it is.</param>
    /// <param name="contiguous">
    /// How many of the bytes follow each other from there on, 1 to <paramref name="length"/>.
    /// </param>
    /// <returns>False where no memory is present.</returns>
    public abstract bool TryTranslate(byte* address, ulong length, out ulong physicalAddress, out ulong contiguous);

    /// <summary>Gives every page of a range its memory.</summary>
    /// <returns>False where a part of the range is not the program's to write to.</returns>
    public abstract bool Populate(byte* address, ulong length);
}
