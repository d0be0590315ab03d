namespace VirtioGuest.Kernel.Text;

/// <summary>What a person types, as bytes.</summary>
internal abstract class ByteInput
{
    /// <summary>Waits for the next byte.</summary>
    public abstract byte Read();
}
