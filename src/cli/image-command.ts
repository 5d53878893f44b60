import type { Command } from 'commander'
import { addImageCreate } from './image-create.ts'
import { addImageHistory } from './image-history.ts'
import { addImageLs } from './image-ls.ts'
import { addImageMv } from './image-mv.ts'
import { addImagePlace } from './image-place.ts'
import { addImageProfile } from './image-profile.ts'
import { addImageProof } from './image-proof.ts'
import { addImagePull } from './image-pull.ts'
import { addImagePush } from './image-push.ts'
import { addImageRm } from './image-rm.ts'
import { addImageSearch } from './image-search.ts'
import { addImageSet } from './image-set.ts'
import { addImageShare } from './image-share.ts'
import { addImageShow } from './image-show.ts'
import { addImageSign } from './image-sign.ts'
import { addImageTag } from './image-tag.ts'
import { addImageVerify } from './image-verify.ts'
import type { Shell } from './shell.ts'

export function addImageCommands(program: Command, shell: Shell): void {
  const image = program.command('image').description('disk images: publish, fetch, look at, remove')
  addImagePush(image, shell)
  addImagePull(image, shell)
  addImagePlace(image, shell)
  addImageLs(image, shell)
  addImageSearch(image, shell)
  addImageShow(image, shell)
  addImageCreate(image, shell)
  addImageSet(image, shell)
  addImageMv(image, shell)
  addImageShare(image, shell)
  addImageTag(image, shell)
  addImageRm(image, shell)
  addImageHistory(image, shell)
  addImageSign(image, shell)
  addImageVerify(image, shell)
  addImageProof(image, shell)
  addImageProfile(image, shell)
}
