namespace VirtioGuest.Build.Image;

/// <summary>A note: a content whose meaning its owner's name and type give.</summary>
internal sealed record ElfNote(string Name, uint Type, byte[] Content);
