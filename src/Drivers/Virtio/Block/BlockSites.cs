using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Block;

/// <summary>The places of the block driver that hand memory over, and what each guards against.</summary>
public static class BlockSites
{
    /// <summary>PREWRITE of a request's header: else the device carries out a request from before.</summary>
    public const AccessSite HeaderToDevice = (AccessSite)301;

    /// <summary>PREWRITE and PREREAD of a status byte: else what the driver put there hides the status.</summary>
    public const AccessSite StatusToDevice = (AccessSite)302;

    /// <summary>POSTWRITE of a header, before it is the driver's to write again.</summary>
    public const AccessSite HeaderFromDevice = (AccessSite)303;

    /// <summary>POSTREAD and POSTWRITE of a status byte: else a status from before the request is read.</summary>
    public const AccessSite StatusFromDevice = (AccessSite)304;
}
