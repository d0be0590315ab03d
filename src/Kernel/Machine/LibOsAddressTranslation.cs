namespace VirtioGuest.Kernel.Machine;

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
