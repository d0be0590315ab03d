namespace VirtioGuest.Commands.Text;

/// <summary>What a person types, as bytes.</summary>
public abstract class ByteInput
{
    /// <summary>Waits for the next byte.</summary>
    public abstract byte Read();
}
