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

/// <summary>Looks up the page tables that LibOS keeps.</summary>
internal sealed unsafe class LibOsAddressTranslation : AddressTranslation
{
    /// <inheritdoc/>
    public override bool TryTranslate(byte* address, ulong length, out ulong physicalAddress, out ulong contiguous)
    {
        ulong run = 0;
        physicalAddress = LibOsCalls.Translate(address, length, &run);
        contiguous = run;
        return physicalAddress != 0;
    }

    /// <inheritdoc/>
    public override bool Populate(byte* address, ulong length) =>
        !LibOsError.IsError(LibOsCalls.Populate(address, length));
}
