namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>Why a queue can no longer be used: what the device wrote that no conforming device writes.</summary>
public enum QueueFault
{
    /// <summary>Nothing is wrong.</summary>
    None = 0,

    /// <summary>A used element names a buffer ID that the queue does not have.</summary>
    BufferIdOutOfRange = 1,

    /// <summary>A used element names a buffer ID that was never made available.</summary>
    BufferNeverAvailable = 2,

    /// <summary>A used element names a buffer that the device had given back already.</summary>
    BufferUsedTwice = 3,

    /// <summary>A used element claims more bytes than the buffer's device-writable part has.</summary>
    LengthBeyondBuffer = 4,
}
